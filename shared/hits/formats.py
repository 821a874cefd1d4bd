"""Which formats are read, and by what."""

from collections.abc import Iterable, Iterator

from shared.hits.errors import Unreadable
from shared.hits.gzip import MOST_TEXT, decompressed
from shared.hits.hit import Hit
from shared.hits.tabular import with_comments, without_comments
from shared.hits.xml import in_xml

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
_READ = ("5", "6", "7")


def hits(pieces: Iterable[bytes], outfmt: str, most: int = MOST_TEXT) -> Iterator[Hit]:
    """The hits of one result file, one by one, in the file's order.

    `pieces` are its bytes, gzipped or not; `outfmt` is what BLAST+ was given, such as
    `6 qseqid sseqid evalue`; `most` is how many bytes of text are read, unpacked. Memory does not
    grow with the file. Raises Unreadable, and CutShort after the hits that `most` allows.
    """
    refuse_unreadable(outfmt)
    number, *columns = outfmt.split()
    text = decompressed(pieces, most)
    if number == "5":
        return in_xml(text)
    return without_comments(text, columns) if number == "6" else with_comments(text, columns)


def refuse_unreadable(outfmt: str) -> None:
    """Raises Unreadable for a format whose hits are not read here."""
    number = (outfmt.split() or [""])[0]
    if number not in _READ:
        name = _NAMES.get(number, "a format of its own")
        raise Unreadable(
            "format_not_readable",
            f"outfmt {number} is {name}, whose hits are not read here; the files can be"
            f" downloaded. Hits are read from outfmt {', '.join(_READ)}",
        )
