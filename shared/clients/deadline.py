"""A total timeout for a connection, enforced by shutting its socket down."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class DeadlineSocket:
    """The socket of a call. The call may replace it before the timeout."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.expired = False

    def attach(self, connected: socket.socket) -> None:
        """Shut this socket down on timeout; at once if the timeout has already passed."""
        with self._lock:
            self._socket = connected
            if self.expired:
                _shut(connected)

    def expire(self) -> None:
        """Shut the current socket down, and every socket attached later."""
        with self._lock:
            self.expired = True
            if self._socket:
                _shut(self._socket)


@contextlib.contextmanager
def total_timeout(seconds: float) -> Iterator[DeadlineSocket]:
    """Shut the attached socket down after `seconds`, and raise TimeoutError.

    A socket timeout applies to each read only: a server that sends a byte now and then, in the
    headers or in the body, would never exceed it. Raises also if the caller has read what looks
    like a whole response, because the shutdown may have cut it.
    """
    deadline_socket = DeadlineSocket()
    timer = threading.Timer(seconds, deadline_socket.expire)
    timer.daemon = True
    timer.start()
    try:
        yield deadline_socket
    finally:
        timer.cancel()
        if deadline_socket.expired:
            raise TimeoutError


def _shut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the socket is already closed
        # Not SSLSocket.shutdown or unwrap: TLS would first wait for the peer.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
