"""The output formats of BLAST+, and those whose hits can be read."""

from shared.hits.errors import Unreadable

_NAMES = {
    "0": "pairwise text",
    "8": "a Seq-align",
    "9": "a binary Seq-align",
    "10": "comma-separated values",
    "11": "a BLAST archive (ASN.1)",
    "12": "a Seq-align in JSON",
    "13": "JSON in several files",
    "14": "XML2 in several files",
    "15": "JSON",
    "16": "XML2",
    "17": "SAM",
    "18": "an organism report",
}
_READABLE = ("5", "6", "7")


def is_readable(outfmt: str) -> bool:
    """Whether a reader supports the format."""
    return (outfmt.split() or [""])[0] in _READABLE


def refuse_unreadable(outfmt: str) -> None:
    """Raises Unreadable if no reader supports the format."""
    if not is_readable(outfmt):
        number = (outfmt.split() or [""])[0]
        name = _NAMES.get(number, "an unknown format")
        raise Unreadable(
            "format_not_readable",
            f"outfmt {number} is {name}, whose hits cannot be read; the files can be downloaded."
            f" Hits can be read from outfmt {', '.join(_READABLE)}",
        )
