"""Sends one HTTP request over a new connection, with a total timeout."""

import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead

from shared.clients.deadline import total_timeout
from shared.util.addresses import Address

CONNECT_TIMEOUT = 5.0
"""Seconds to connect, and for each read of the TLS handshake."""

MAX_RESPONSE_BYTES = 20 * 1024 * 1024


class ConnectFailed(Exception):
    """The connection failed, so no byte of the request was sent."""


class OutcomeUnknown(Exception):
    """The request was sent, perhaps in part, and no whole response arrived."""


@dataclass(frozen=True)
class Response:
    """A whole response of any status. Redirects are not followed."""

    status: int
    retry_after: str | None
    """The header's value, unparsed."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header values by lower-case name; the values of a repeated header are joined by commas."""


def send_request(
    address: Address,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: float,
) -> Response:
    """Send one request and read the whole response within `timeout` seconds after connecting.

    Raises ConnectFailed or OutcomeUnknown. The two are distinguishable because each request opens
    its own connection: a pooled one can be stale. Raises ValueError for a header that cannot be
    sent, without quoting it: it can hold a token.
    """
    connection = _connection(address)
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        raise ConnectFailed(_error_text(error)) from error
    try:
        connection.sock.settimeout(timeout)
        with total_timeout(timeout) as deadline_socket:
            deadline_socket.attach(connection.sock)
            # A server may respond and close without reading the body; read that response.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, address.path + path, body, dict(headers))
            return _read(connection)
    except TimeoutError as error:
        raise OutcomeUnknown(f"no whole response within {timeout:g} s") from error
    except (OSError, HTTPException) as error:
        raise OutcomeUnknown(_error_text(error)) from error
    except ValueError:  # http.client's message quotes the header
        raise ValueError("a header of the request cannot be sent") from None
    finally:
        connection.close()


def _connection(address: Address) -> HTTPConnection:
    if address.tls:
        return HTTPSConnection(
            address.host, address.port, timeout=CONNECT_TIMEOUT, context=_tls_context()
        )
    return HTTPConnection(address.host, address.port, timeout=CONNECT_TIMEOUT)


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _read(connection: HTTPConnection) -> Response:
    with connection.getresponse() as response:
        body = response.read(MAX_RESPONSE_BYTES + 1)
        if len(body) > MAX_RESPONSE_BYTES:
            raise HTTPException(f"the response has more than {MAX_RESPONSE_BYTES >> 20} MiB")
        if response.length:
            raise IncompleteRead(body, response.length)
        said = response.headers
        headers = {name.lower(): ", ".join(said.get_all(name, [])) for name in said}
        return Response(response.status, response.headers["Retry-After"], body, headers)


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__
