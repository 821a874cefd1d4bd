"""A hit, by the names that BLAST+ gives its columns."""

from typing import NamedTuple


class Hit(NamedTuple):
    """One alignment of a query and a subject (an HSP). None where the format does not say.

    A tuple and no dataclass, because a file has millions: it is made in half the time.
    """

    qseqid: str | None = None
    sseqid: str | None = None
    pident: float | None = None
    """Percent, as `ppos`."""
    length: int | None = None
    mismatch: int | None = None
    gapopen: int | None = None
    qstart: int | None = None
    """From 1. Start is behind end where the strand or frame is a negative one."""
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
"""Those that every hit is shown with; the others only where the format has them."""


def finite(text: str) -> float:
    """A number. Raises ValueError also for `nan` and `inf`, which Python would read."""
    value = float(text)
    if value - value:
        raise ValueError(f"{text!r} is no number")
    return value
