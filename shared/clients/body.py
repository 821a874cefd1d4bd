"""Reads HTTP response bodies under a total time limit and a size limit."""

import re
import time
from datetime import timedelta

import urllib3

from shared.util.durations import MAX_RETRY_AFTER

CHUNK_SIZE = 64 * 1024


def read_body(response: urllib3.BaseHTTPResponse, deadline: float, max_bytes: int) -> bytes:
    """The whole body. `deadline` is on the monotonic clock.

    Raises TimeoutError after the deadline, and ValueError for a larger body. urllib3's read timeout
    applies to each read only: a server that sends a byte now and then would never exceed it.
    """
    chunks, size = [], 0
    while chunk := response.read1(CHUNK_SIZE):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise ValueError(f"the response has more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the response took too long")
    return b"".join(chunks)


def retry_after(header: str | None) -> timedelta | None:
    """A `Retry-After` in seconds, at most MAX_RETRY_AFTER. None for the form of an HTTP date."""
    if header is None or not re.fullmatch("[0-9]{1,9}", header.strip()):
        return None
    return min(timedelta(seconds=int(header)), MAX_RETRY_AFTER)
