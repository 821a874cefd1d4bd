"""Where the body of an HTTP message ends, its bytes left as they are."""

import re
from asyncio import StreamReader
from collections.abc import AsyncIterator

PIECE = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.I)
_CLOSES = re.compile(rb"^HTTP/1\.0|\r\nconnection: *close", re.I)


def status_of(head: bytes) -> int:
    """The status in the head of an answer."""
    return int(head.split(b" ", 2)[1])


def ends_the_connection(head: bytes, method: str) -> bool:
    """Whether nothing can follow the answer with this head."""
    framed = _LENGTH.search(head) or _CHUNKED.search(head) or _is_bodiless(head, method)
    return _CLOSES.search(head) is not None or not framed


async def request_body(head: bytes, reader: StreamReader) -> bytes:
    """The body of a request, whole."""
    return b"".join([piece async for piece in _framed(head, reader)])


async def answer_body(head: bytes, method: str, reader: StreamReader) -> AsyncIterator[bytes]:
    """The pieces of an answer's body, as they come."""
    if _is_bodiless(head, method):
        return
    if _LENGTH.search(head) or _CHUNKED.search(head):
        async for piece in _framed(head, reader):
            yield piece
        return
    while piece := await reader.read(PIECE):
        yield piece


def _is_bodiless(head: bytes, method: str) -> bool:
    return method == "HEAD" or status_of(head) in (204, 304)


async def _framed(head: bytes, reader: StreamReader) -> AsyncIterator[bytes]:
    """The pieces of a body whose head says how long it is; without a word of it there is none."""
    if _CHUNKED.search(head):
        size = -1
        while size:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
        return
    length = _LENGTH.search(head)
    left = int(length[1]) if length else 0
    while left:
        piece = await reader.readexactly(min(left, PIECE))
        left -= len(piece)
        yield piece
