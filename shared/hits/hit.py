"""A hit, with fields named like BLAST+'s columns."""

from typing import NamedTuple


class Hit(NamedTuple):
    """One alignment of a query and a subject (an HSP). None where the format has no value.

    A tuple because a file has millions: creating a dataclass takes twice the time.
    """

    qseqid: str | None = None
    sseqid: str | None = None
    pident: float | None = None
    """Percent, like `ppos`."""
    length: int | None = None
    mismatch: int | None = None
    gapopen: int | None = None
    qstart: int | None = None
    """From 1. The start is greater than the end on a negative strand or frame."""
    qend: int | None = None
    sstart: int | None = None
    send: int | None = None
    evalue: float | None = None
    bitscore: float | None = None
    qseq: str | None = None
    sseq: str | None = None
    qlen: int | None = None
    slen: int | None = None
    ppos: float | None = None


COLUMNS = Hit._fields[:12]
"""The columns that every response has. The others depend on the format."""


def parse_finite(text: str) -> float:
    """A number. Raises ValueError also for `nan` and `inf`, which `float` accepts."""
    value = float(text)
    if value - value:
        raise ValueError(f"{text!r} is not a finite number")
    return value
