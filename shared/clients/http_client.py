"""One HTTP request on a connection of its own, over within a time however the peer behaves."""

import contextlib
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from urllib.parse import urlsplit

from shared.clients.deadline import total_timeout

CONNECT = 5.0
"""Seconds to connect, and for each step of a TLS handshake."""

LARGEST_ANSWER = 20 * 1024 * 1024
"""Bytes."""


class ConnectFailed(Exception):
    """Nothing of the request left this process."""


class OutcomeUnknown(Exception):
    """The request was sent, or part of it; what came of it is unknown."""


@dataclass(frozen=True)
class Address:
    """A server that may be told a secret: by https, or on this machine."""

    host: str
    port: int | None
    path: str
    tls: bool


@dataclass(frozen=True)
class Response:
    """A whole answer, whatever its status; redirects are not followed."""

    status: int
    retry_after: str | None
    """The header, as it came."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """All headers by their names in lower case; all values in a row where one is repeated."""


def parse_address(url: str) -> Address:
    """Raises ValueError, without the address, for one that would give a secret away."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the address is malformed") from None
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    if not host or not safe:
        raise ValueError("the address must be https, except on this machine")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the address must have no user, query or fragment")
    return Address(host, port, parts.path.rstrip("/"), parts.scheme == "https")


def send_request(
    address: Address,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    patience: float,
) -> Response:
    """Send one request and read the whole answer, within `patience` seconds after connecting.

    Raises NotSent or NoAnswer; the two are told apart because the connection is made here, and
    never taken from a pool, where it may have gone stale. Raises ValueError, without the header,
    for one that cannot be sent: it may hold a token.
    """
    connection = _connection(address)
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        raise ConnectFailed(_error_text(error)) from error
    try:
        connection.sock.settimeout(patience)
        with total_timeout(patience) as line:
            line.attach(connection.sock)
            # Who refuses a body without reading it has answered nevertheless.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, address.path + path, body, dict(headers))
            return _read(connection)
    except TimeoutError as error:
        raise OutcomeUnknown(f"no whole answer within {patience:g} s") from error
    except (OSError, HTTPException) as error:
        raise OutcomeUnknown(_error_text(error)) from error
    except ValueError:  # http.client quotes the header
        raise ValueError("a header of the request cannot be sent") from None
    finally:
        connection.close()


def _connection(address: Address) -> HTTPConnection:
    if address.tls:
        return HTTPSConnection(
            address.host, address.port, timeout=CONNECT, context=_trusted_authorities()
        )
    return HTTPConnection(address.host, address.port, timeout=CONNECT)


@cache
def _trusted_authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


def _read(connection: HTTPConnection) -> Response:
    with connection.getresponse() as response:
        body = response.read(LARGEST_ANSWER + 1)
        if len(body) > LARGEST_ANSWER:
            raise HTTPException(f"the answer has more than {LARGEST_ANSWER >> 20} MiB")
        if response.length:
            raise IncompleteRead(body, response.length)
        said = response.headers
        headers = {name.lower(): ", ".join(said.get_all(name, [])) for name in said}
        return Response(response.status, response.headers["Retry-After"], body, headers)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__
