"""Reading an HTTP answer to its end within a time and a size, even if it drips."""

import time

import urllib3

PIECE = 64 * 1024


def read_whole(answer: urllib3.BaseHTTPResponse, until: float, most: int) -> bytes:
    """The body, by `until` on the monotonic clock. Raises TimeoutError, or ValueError when larger.

    A read timeout holds between two pieces only; a peer that drips would hold it up for ever.
    """
    pieces, size = [], 0
    while piece := answer.read1(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise ValueError(f"the answer has more than {most:,} bytes")
        if time.monotonic() > until:
            raise TimeoutError("the answer took too long")
    return b"".join(pieces)
