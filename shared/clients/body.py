"""Reading an HTTP answer to its end within a time and a size, even if it drips."""

import re
import time
from datetime import timedelta

import urllib3

CHUNK_SIZE = 64 * 1024


def read_whole(answer: urllib3.BaseHTTPResponse, until: float, most: int) -> bytes:
    """The body, by `until` on the monotonic clock. Raises TimeoutError, or ValueError when larger.

    A read timeout holds between two pieces only; a peer that drips would hold it up for ever.
    """
    pieces, size = [], 0
    while piece := answer.read1(CHUNK_SIZE):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise ValueError(f"the answer has more than {most:,} bytes")
        if time.monotonic() > until:
            raise TimeoutError("the answer took too long")
    return b"".join(pieces)


def retry_after(header: str | None) -> timedelta | None:
    """The wish of a `Retry-After` in seconds, at most a day; its other form, a date, is left."""
    if header is None or not re.fullmatch("[0-9]{1,9}", header.strip()):
        return None
    return min(timedelta(seconds=int(header)), timedelta(days=1))
