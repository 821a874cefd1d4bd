"""Selects the reader for an output format."""

from collections.abc import Iterable, Iterator

from shared.hits.errors import Unreadable
from shared.hits.gzip import MOST_TEXT, decompress
from shared.hits.hit import Hit
from shared.hits.tabular import read_outfmt6, read_outfmt7
from shared.hits.xml import read_xml

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


def hits(chunks: Iterable[bytes], outfmt: str, max_bytes: int = MOST_TEXT) -> Iterator[Hit]:
    """The hits of one result file in the file's order, in constant memory.

    `chunks` are its bytes, gzipped or not; `outfmt` is the value of `-outfmt`, such as
    `6 qseqid sseqid evalue`; `max_bytes` limits the decompressed text. Raises Unreadable, and
    ReadLimitReached after the hits within `max_bytes`.
    """
    refuse_unreadable(outfmt)
    number, *columns = outfmt.split()
    text = decompress(chunks, max_bytes)
    if number == "5":
        return read_xml(text)
    return read_outfmt6(text, columns) if number == "6" else read_outfmt7(text, columns)


def refuse_unreadable(outfmt: str) -> None:
    """Raises Unreadable if no reader supports the format."""
    number = (outfmt.split() or [""])[0]
    if number not in _READABLE:
        name = _NAMES.get(number, "an unknown format")
        raise Unreadable(
            "format_not_readable",
            f"outfmt {number} is {name}, whose hits cannot be read; the files can be downloaded."
            f" Hits can be read from outfmt {', '.join(_READABLE)}",
        )
