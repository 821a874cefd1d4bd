"""Sends one HTTP request over a new connection, with a total timeout."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO

import aiohttp

from shared.clients.body import read_body
from shared.util.addresses import Address

CONNECT_TIMEOUT = 5.0
"""Seconds to resolve the host, to connect, and for the TLS handshake."""

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
    limit = _TimeLimit(timeout)
    try:
        async with (
            limit.deadline,
            _session(address, limit) as session,
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
        if limit.is_connected:
            raise OutcomeUnknown(f"no whole response within {timeout:g} s") from error
        raise ConnectFailed(f"no connection within {CONNECT_TIMEOUT:g} s") from error
    except (OSError, aiohttp.ClientError) as error:
        if limit.is_connected:
            raise OutcomeUnknown(_error_text(error)) from error
        raise ConnectFailed(_error_text(error)) from error


class _TimeLimit:
    """CONNECT_TIMEOUT until the connection is open; from then on the time limit of the request."""

    def __init__(self, timeout: float) -> None:
        self.deadline = asyncio.timeout(CONNECT_TIMEOUT)
        self.is_connected = False
        self._timeout = timeout

    async def on_connecting(self, *_: object) -> None:
        if self.is_connected:
            # aiohttp sends an idempotent request again after a lost connection.
            raise OutcomeUnknown("the server closed the connection without a response")

    async def on_connected(self, *_: object) -> None:
        self.is_connected = True
        self.deadline.reschedule(asyncio.get_running_loop().time() + self._timeout)


def _session(address: Address, limit: _TimeLimit) -> aiohttp.ClientSession:
    """A session for one request: its own timeouts are off, and it keeps nothing."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(limit.on_connecting)
    trace.on_connection_create_end.append(limit.on_connected)
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


def _error_text(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        return "its response is not HTTP"  # the error's own text quotes the response
    return str(error) or type(error).__name__
