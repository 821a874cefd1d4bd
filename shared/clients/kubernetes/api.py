"""Calls an API server: one request, one JSON object, a total timeout, and translated errors."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import aiohttp

from shared.clients.body import read_body, retry_after
from shared.clients.kubernetes.connection import new_session, tls_context
from shared.clients.kubernetes.credentials import ClusterCredentials, CredentialProvider
from shared.errors import Unavailable
from shared.util.single_flight import CacheEntry
from shared.util.threads import in_thread

NAMESPACE = "default"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
CONNECT, READ, TOTAL = 5.0, 20.0, 60.0
"""Default timeouts in seconds: to connect, for each read, and for a whole request."""
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""A page of 500 ElasticBLAST Jobs has about 7 MB."""
LONGEST_MESSAGE = 300
BAD_REQUEST, NOT_FOUND, CONFLICT, GONE = 400, 404, 409, 410

LARGE_BODY = 64 * 1024
"""Bytes of a response that is parsed in a thread."""

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class ApiRequest:
    """A request to the API. It must be idempotent, as it can be sent twice."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None


@dataclass(frozen=True)
class ResponseFormat(Generic[T]):
    """What a successful response is, and how large."""

    accept: str
    max_bytes: int
    parse: Callable[[bytes], Awaitable[T]]
    """Raises ValueError or RecursionError for another body."""


class ApiStatusError(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, body: Json, reason: str, header: str | None) -> None:
        message = " ".join(str(body.get("message") or reason).split())[:LONGEST_MESSAGE]
        super().__init__(f"the cluster answered {status}: {message}")
        self.status = status
        self.retry_after_header = header
        self._body = body

    @property
    def is_kubernetes(self) -> bool:
        """Whether the API itself answered: a proxy sends no Status object with this code."""
        return self._body.get("kind") == "Status" and self._body.get("code") == self.status

    def is_about(self, kind: str, name: str) -> bool:
        """Whether the error is about this object, such as kind `leases` and its name."""
        details = self._body.get("details")
        subject = details if isinstance(details, dict) else {}
        return (subject.get("kind"), subject.get("name")) == (kind, name)

    def to_error(self) -> Unavailable:
        """The same as a retryable error."""
        code = "cluster_refused" if self.status in (401, 403) else "cluster_unavailable"
        return Unavailable(code, str(self), retry_after(self.retry_after_header))


class _NoResponse(Exception):
    """No whole response arrived."""


class _TlsError(_NoResponse):
    """The TLS handshake failed, for example because the server's CA has changed."""


class _ConnectionLost(_NoResponse):
    """The connection was closed before a response arrived; it may have been a stale one."""


class KubernetesApi:
    """The API server of one cluster."""

    def __init__(
        self, credentials: CredentialProvider, timeouts: tuple[float, float, float]
    ) -> None:
        """`timeouts`, in seconds: to connect, for each read, and for a whole request."""
        self._credentials = credentials
        self._connect, self._read, self._total = timeouts
        self._connected: tuple[ClusterCredentials, aiohttp.ClientSession] | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._connected:
            await self._connected[1].close()
            self._connected = None

    async def call(
        self, request: ApiRequest, expected: tuple[int, ...] = (), timeout: float | None = None
    ) -> Json:
        """Send the request and return the JSON object of its response.

        Raises ApiStatusError if the API itself answers with an `expected` status, and Unavailable
        for all other errors. `timeout`, in seconds, can only shorten the total timeout.
        """
        return await self._call(request, _JSON, expected, timeout)

    async def read_text(
        self,
        request: ApiRequest,
        max_bytes: int,
        expected: tuple[int, ...] = (),
        timeout: float | None = None,
    ) -> str:
        """The same for a response that is text, of at most `max_bytes`."""
        text_format = ResponseFormat(_ANY_TYPE, max_bytes, _decode)
        return await self._call(request, text_format, expected, timeout)

    async def _call(
        self,
        request: ApiRequest,
        response_format: ResponseFormat[T],
        expected: tuple[int, ...],
        timeout: float | None,
    ) -> T:
        total = max(self._total if timeout is None else min(timeout, self._total), 0.001)
        try:
            response = await self._with_renewal(
                lambda credentials: self._send_post_again(
                    credentials, request, response_format, total
                )
            )
        except ApiStatusError as error:
            self._credentials.mark_reachable()
            if error.status in expected and error.is_kubernetes:
                raise
            raise error.to_error() from error
        except _NoResponse as error:
            unavailable = Unavailable("cluster_unavailable", f"the cluster did not answer: {error}")
            raise await self._credentials.explain_failure(unavailable) from error
        self._credentials.mark_reachable()
        return response

    async def _with_renewal(self, send: Callable[[ClusterCredentials], Awaitable[T]]) -> T:
        """Retry once with renewed credentials after a 401 or a TLS error."""
        used: CacheEntry[ClusterCredentials] = await self._credentials.get()
        try:
            return await send(used.value)
        except ApiStatusError as error:
            if error.status != 401:
                raise
        except _TlsError:
            pass
        renewed = await self._credentials.renew(used)
        return await send(renewed.value)

    async def _send_post_again(
        self,
        credentials: ClusterCredentials,
        request: ApiRequest,
        response_format: ResponseFormat[T],
        total: float,
    ) -> T:
        """Retry once if the server had closed the pooled connection while it was idle.

        aiohttp does the same for other methods than POST.
        """
        try:
            return await self._send(credentials, request, response_format, total)
        except _ConnectionLost:
            if request.method != "POST":
                raise
        return await self._send(credentials, request, response_format, total)

    async def _send(
        self,
        credentials: ClusterCredentials,
        request: ApiRequest,
        response_format: ResponseFormat[T],
        total: float,
    ) -> T:
        """One response within `total` seconds."""
        try:
            async with (
                asyncio.timeout(total),
                await self._open(credentials, request, response_format.accept) as response,
            ):
                body = await read_body(response, response_format.max_bytes)
                if not response.ok or response.status >= 300:
                    header = response.headers.get("Retry-After")
                    reason = str(response.reason)
                    raise ApiStatusError(response.status, _error_body(body), reason, header)
                return await response_format.parse(body)
        except aiohttp.ClientSSLError as error:
            raise _TlsError(_text(error)) from error
        except aiohttp.ClientConnectorError as error:
            raise _NoResponse(_text(error)) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise _ConnectionLost(_text(error)) from error
        except TimeoutError as error:
            raise _NoResponse(_text(error) or "no whole response in time") from error
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            raise _NoResponse(_text(error) or type(error).__name__) from error

    async def _open(
        self, credentials: ClusterCredentials, request: ApiRequest, accept: str
    ) -> aiohttp.ClientResponse:
        token = credentials.token
        session = await self._session(credentials.without_token)
        return await session.request(
            request.method,
            request.path,
            params=request.query,
            json=request.body,
            headers={"Accept": accept} | ({"Authorization": f"Bearer {token}"} if token else {}),
            server_hostname=credentials.server_name,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect, sock_read=self._read),
        )

    async def _session(self, key: ClusterCredentials) -> aiohttp.ClientSession:
        """The session for these credentials. It replaces the one of earlier credentials."""
        if self._connected and self._connected[0] == key:
            return self._connected[1]
        tls = await in_thread(tls_context, key)
        if self._connected and self._connected[0] == key:  # another call was first
            return self._connected[1]
        session = new_session(key, tls)
        previous, self._connected = self._connected, (key, session)
        if previous:
            await previous[1].close()
        return session


async def _parse_json(body: bytes) -> Json:
    return await in_thread(_parse_object, body) if len(body) > LARGE_BODY else _parse_object(body)


async def _decode(body: bytes) -> str:
    return body.decode(errors="replace")


def _parse_object(body: bytes) -> Json:
    parsed = json.loads(body)
    if not isinstance(parsed, dict):
        raise ValueError("the response is not a JSON object")
    return parsed


_JSON = ResponseFormat("application/json", MAX_RESPONSE_BYTES, _parse_json)
_ANY_TYPE = "application/json, */*"
"""As kubectl asks for a log, which is text, and its errors, which are not."""


def _error_body(body: bytes) -> Json:
    """The JSON object in an error response; empty if its body is not one."""
    try:
        return _parse_object(body)
    except (ValueError, RecursionError):
        return {}


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:LONGEST_MESSAGE]
