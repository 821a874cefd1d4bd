"""HTTP framing: read bodies, build responses, reset connections."""

import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator

from tests.faults.faults import Fault

PIECE = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_EXPECTED_INSTANCE = re.compile(rb"\r\nx-exec-expect-instance: *([^\r]+)", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.I)
_CLOSES = re.compile(rb"^HTTP/1\.0|\r\nconnection: *close", re.I)


def status_of(head: bytes) -> int:
    """The status in a response's head."""
    return int(head.split(b" ", 2)[1])


def ends_the_connection(head: bytes, method: str) -> bool:
    """Whether the connection ends after the response with this head."""
    framed = _LENGTH.search(head) or _CHUNKED.search(head) or _is_bodiless(head, method)
    return _CLOSES.search(head) is not None or not framed


async def request_body(head: bytes, reader: StreamReader) -> bytes:
    """The whole body of a request."""
    return b"".join([piece async for piece in _framed(head, reader)])


async def response_body(head: bytes, method: str, reader: StreamReader) -> AsyncIterator[bytes]:
    """The pieces of a response's body as they arrive."""
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
    """The pieces of a body with a length or chunks; none without either."""
    if _CHUNKED.search(head):
        size = -1
        while size:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
        return
    length = _LENGTH.search(head)
    remaining = int(length[1]) if length else 0
    while remaining:
        piece = await reader.readexactly(min(remaining, PIECE))
        remaining -= len(piece)
        yield piece


def fault_response(fault: Fault, method: str, request_head: bytes) -> bytes:
    """The response of a fault."""
    headers = [("Content-Length", str(len(fault.body))), *fault.headers]
    if fault.from_sidecar and (expected := _EXPECTED_INSTANCE.search(request_head)):
        headers.append(("X-Exec-Instance", expected[1].decode()))
    lines = [f"HTTP/1.1 {fault.status} Injected", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if method == "HEAD" else head + fault.body


def reset(writer: StreamWriter) -> None:
    """End the connection with RST, without flushing."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
