"""Cutting a connection when its time is over, however its peer behaves."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class DeadlineSocket:
    """What a call speaks through. It may be replaced while the time runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.expired = False

    def attach(self, connected: socket.socket) -> None:
        """From now on this socket is the one to be cut; at once, if time is over already."""
        with self._lock:
            self._socket = connected
            if self.expired:
                _shut(connected)

    def expire(self) -> None:
        """Time is over."""
        with self._lock:
            self.expired = True
            if self._socket:
                _shut(self._socket)


@contextlib.contextmanager
def total_timeout(patience: float) -> Iterator[DeadlineSocket]:
    """Shut the line down after `patience` seconds, and raise TimeoutError.

    A timeout of the socket holds for one piece only, so that a peer that drips, in its header
    or in its body, would hold a reader for ever. What is read up to the cut may look whole.
    """
    line = DeadlineSocket()
    timer = threading.Timer(patience, line.expire)
    timer.daemon = True
    timer.start()
    try:
        yield line
    finally:
        timer.cancel()
        if line.expired:
            raise TimeoutError


def _shut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was closed a moment ago
        # Not TLS's own way to end, which would first want to hear from the peer.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
