"""HTTP as bytes: where a message ends, how one is made, and how a connection is broken."""

import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator

from tests.faults.faults import Fault

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


def made_answer(fault: Fault, method: str) -> bytes:
    """The answer that a fault gives."""
    headers = [("Content-Length", str(len(fault.body))), *fault.headers]
    lines = [f"HTTP/1.1 {fault.status} On Purpose", *(f"{name}: {its}" for name, its in headers)]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if method == "HEAD" else head + fault.body


def reset(writer: StreamWriter) -> None:
    """End the connection as a machine does that lost its power: with RST, and nothing flushed."""
    its = writer.get_extra_info("socket")
    if its is not None and its.fileno() >= 0:
        its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
