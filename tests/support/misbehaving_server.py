"""A server of raw sockets, which does what no well-behaved one would."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Manner = Callable[[socket.socket, threading.Event], None]
"""What is done with a connection; the event is set when the test is over."""


@dataclass
class MisbehavingServer:
    """Where it listens, and the requests it took the trouble to read."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """The request lines, without the protocol."""
        return [one.split(b" HTTP/")[0].decode() for one in self.heard]


@contextlib.contextmanager
def misbehaving_server(*manners: Manner, reads: bool = True) -> Iterator[MisbehavingServer]:
    """Meets one connection after another with one manner after another; the last one stays."""
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


def responds(status: str, body: bytes, *headers: str, length: int | None = None) -> Manner:
    """A whole answer, unless `length` promises more than there is."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.0 {status}", f"Content-Length: {size}", *headers]
    head = "\r\n".join([*lines, "", ""]).encode()
    return lambda connection, _: connection.sendall(head + body)


def resets(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def resets_unread(connection: socket.socket, over: threading.Event) -> None:
    """When the request has arrived, and before any of it was taken."""
    connection.recv(1, socket.MSG_PEEK)
    resets(connection, over)


def is_silent(_: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def drips(start: bytes, drop: bytes) -> Manner:
    """A drop every twentieth of a second, for as long as anybody listens."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(drop)

    return drip


def floods(start: bytes) -> Manner:
    def flood(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.is_set():
            connection.sendall(b" " * 1_000_000)

    return flood


def _serve(
    listener: socket.socket, server: MisbehavingServer, manners: tuple[Manner, ...], reads: bool
) -> None:
    for turn in range(1000):
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the test is over
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            if reads:
                server.heard.append(_request(connection))
            manners[min(turn, len(manners) - 1)](connection, server.over)


def _request(connection: socket.socket) -> bytes:
    """Head and body of one request."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = heard.partition(b"\r\n\r\n")
    sizes = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line
    ]
    while sizes and len(body) < int(sizes[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
