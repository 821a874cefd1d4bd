"""Sends one HTTP request over a new connection, with a total timeout."""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp

from shared.clients.body import read_body

CONNECT_TIMEOUT = 5.0
"""Seconds to resolve the host, to connect, and for the TLS handshake."""

MAX_RESPONSE_BYTES = 20 * 1024 * 1024


class ConnectFailed(Exception):
    """The connection failed, so no byte of the request was sent."""


class OutcomeUnknown(Exception):
    """The request was sent, perhaps in part, and no whole response arrived."""


@dataclass(frozen=True)
class Address:
    """A server that secrets may be sent to: over https, or on the loopback interface."""

    host: str
    port: int | None
    path: str
    tls: bool


@dataclass(frozen=True)
class Response:
    """A whole response of any status. Redirects are not followed."""

    status: int
    retry_after: str | None
    """The header's value, unparsed."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header values by lower-case name; the values of a repeated header are joined by commas."""


def parse_address(url: str) -> Address:
    """Parse a base URL. Raises ValueError, without quoting the URL, if it would expose a secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the address is malformed") from None
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not safe:
        raise ValueError("the address must be https, except on loopback")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the address must have no user, query or fragment")
    return Address(host, port, parts.path.rstrip("/"), parts.scheme == "https")


async def send_request(
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
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise ValueError("a header of the request cannot be sent")
    deadline = asyncio.timeout(CONNECT_TIMEOUT)
    connected = False

    async def start_total_timeout(*_: object) -> None:
        nonlocal connected
        if connected:
            # aiohttp sends an idempotent request again after a lost connection.
            raise OutcomeUnknown("the server closed the connection without a response")
        connected = True
        deadline.reschedule(asyncio.get_running_loop().time() + timeout)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(start_total_timeout)
    try:
        async with (
            deadline,
            _session(address, trace) as session,
            session.request(
                method,
                _url(address, path),
                data=None if body is None else BytesIO(body),
                headers=headers,
                allow_redirects=False,
            ) as response,
        ):
            return await _read(response)
    except TimeoutError as error:
        if connected:
            raise OutcomeUnknown(f"no whole response within {timeout:g} s") from error
        raise ConnectFailed(f"no connection within {CONNECT_TIMEOUT:g} s") from error
    except (OSError, aiohttp.ClientError) as error:
        if connected:
            raise OutcomeUnknown(_error_text(error)) from error
        raise ConnectFailed(_error_text(error)) from error


def _session(address: Address, trace: aiohttp.TraceConfig) -> aiohttp.ClientSession:
    """A session for one request: its own timeouts are off, and it keeps nothing."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_tls_context() if address.tls else True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        skip_auto_headers={"Content-Type"},
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[trace],
    )


def _url(address: Address, path: str) -> str:
    scheme = "https" if address.tls else "http"
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port is None else f":{address.port}"
    return f"{scheme}://{host}{port}{address.path}{path}"


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _read(response: aiohttp.ClientResponse) -> Response:
    try:
        body = await read_body(response, MAX_RESPONSE_BYTES)
    except ValueError as error:
        raise OutcomeUnknown(str(error)) from error
    said = response.headers
    headers = {name.lower(): ", ".join(said.getall(name)) for name in said}
    return Response(response.status, said.get("Retry-After"), body, headers)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error_text(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        return "its response is not HTTP"  # the error's own text quotes the response
    return str(error) or type(error).__name__
