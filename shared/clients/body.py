"""Reads HTTP response bodies under a size limit."""

import re
from datetime import timedelta

import aiohttp

from shared.util.durations import MAX_RETRY_AFTER


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The whole body. Raises ValueError for one that is larger. The caller limits the time."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise ValueError(f"the response has more than {max_bytes >> 20} MiB")
    return b"".join(chunks)


def retry_after(header: str | None) -> timedelta | None:
    """A `Retry-After` in seconds, at most MAX_RETRY_AFTER. None for the form of an HTTP date."""
    if header is None or not re.fullmatch("[0-9]{1,9}", header.strip()):
        return None
    return min(timedelta(seconds=int(header)), MAX_RETRY_AFTER)
