"""A server of raw sockets that violates HTTP in the ways that tests need."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Manner = Callable[[socket.socket, threading.Event], None]
"""Handles one connection. The event is set at the end of the test."""


@dataclass
class MisbehavingServer:
    """The server's port, and the requests that it read."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """The request lines, without the protocol."""
        return [request.split(b" HTTP/")[0].decode() for request in self.requests]


@contextlib.contextmanager
def misbehaving_server(*manners: Manner, reads: bool = True) -> Iterator[MisbehavingServer]:
    """Handle each connection with the next manner; the last manner handles all further ones."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = MisbehavingServer(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server, manners, reads))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)
            assert not thread.is_alive(), "the client has left a connection open"


def responds(status: str, body: bytes, *headers: str, length: int | None = None) -> Manner:
    """Send a response. A `length` beyond the body's makes it incomplete."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.0 {status}", f"Content-Length: {size}", *headers]
    head = "\r\n".join([*lines, "", ""]).encode()
    return lambda connection, _: connection.sendall(head + body)


def resets(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resets_unread(connection: socket.socket, over: threading.Event) -> None:
    """Reset the connection after the request has arrived, without reading it."""
    connection.recv(1, socket.MSG_PEEK)
    resets(connection, over)


def is_silent(_: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def drips(start: bytes, drop: bytes) -> Manner:
    """Send `start`, and then `drop` every 50 ms."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(drop)

    return drip


def floods(start: bytes) -> Manner:
    """Send `start`, and then data without end."""

    def flood(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.is_set():
            connection.sendall(b" " * 1_000_000)

    return flood


def _serve(
    listener: socket.socket, server: MisbehavingServer, manners: tuple[Manner, ...], reads: bool
) -> None:
    for number in range(1000):
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the test is over
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            if reads:
                server.requests.append(_request(connection))
            manners[min(number, len(manners) - 1)](connection, server.over)


def _request(connection: socket.socket) -> bytes:
    """Read one request: head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    sizes = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line
    ]
    while sizes and len(body) < int(sizes[0]):
        if not (more := connection.recv(65536)):
            break  # the client has closed the connection
        body += more
    return head + b"\r\n\r\n" + body
