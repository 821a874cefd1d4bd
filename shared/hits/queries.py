"""The queries of a result file, as its reader meets them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NO_TITLE = "No definition line"
"""What BLAST+'s XML has as the title of a query without one."""


@dataclass(frozen=True)
class Query:
    """One query of a file, with or without hits."""

    number: int
    """Its place in the file, from 1."""
    title: str
    """The line behind `>`; empty for an unnamed query, which BLAST+ calls `Query_` and its place.
    """
    length: int | None = None

    @property
    def id(self) -> str:
        """The first word of its title; empty if it has none."""
        return self.title.split(None, 1)[0] if self.title.strip() else ""


def read_fasta(chunks: Iterable[bytes]) -> Iterator[Query]:
    """The queries of a batch, in constant memory but for one title."""
    number, title, length = 0, "", 0
    for line in _lines(chunks):
        if line.startswith(b">"):
            if number:
                yield Query(number, title, length)
            number, length = number + 1, 0
            title = line[1:].decode("utf-8", "blast-latin-1").strip()
        else:
            length += len(b"".join(line.split()))
    if number:
        yield Query(number, title, length)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
