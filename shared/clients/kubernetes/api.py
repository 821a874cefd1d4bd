"""Calls an API server: one request, one JSON object, a total timeout, and translated errors."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any

import urllib3

from shared.clients.body import read_body, retry_after
from shared.clients.kubernetes.connection import ApiGroups, call_timeout, connect
from shared.clients.kubernetes.credentials import ClusterCredentials, CredentialProvider
from shared.errors import Unavailable
from shared.util.single_flight import CacheEntry

if TYPE_CHECKING:
    from kubernetes.client import ApiException

NAMESPACE = "default"
CONNECT, READ, TOTAL = 5.0, 20.0, 60.0
"""Default timeouts in seconds: to connect, for each read, and for a whole request."""
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""A page of 500 ElasticBLAST Jobs has about 7 MB."""
LONGEST_MESSAGE = 300
NOT_FOUND, CONFLICT, GONE = 404, 409, 410

Json = dict[str, Any]
MethodChooser = Callable[[ApiGroups], Callable[..., Any]]
"""Selects a method of the kubernetes client."""


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


class _StaleConnection(_NoResponse):
    """The pooled connection was closed before any byte of a response arrived."""


class KubernetesApi:
    """The API server of one cluster. Requests must be idempotent, as they can be sent twice."""

    def __init__(
        self, credentials: CredentialProvider, timeouts: tuple[float, float, float]
    ) -> None:
        """`timeouts`, in seconds: to connect, for each read, and for a whole request."""
        self._credentials = credentials
        self._connect, self._read, self._total = timeouts
        self._lock = threading.Lock()
        self._connected: tuple[ClusterCredentials, ApiGroups] | None = None

    def close(self) -> None:
        """Close the connections that no call uses."""
        with self._lock:
            connected, self._connected = self._connected, None
        if connected:
            connected[1].close()

    def call(
        self,
        choose_method: MethodChooser,
        *args: object,
        expected: tuple[int, ...] = (),
        timeout: float | None = None,
        **kwargs: object,
    ) -> Json:
        """Call the method with these arguments and return the JSON object of its response.

        Raises ApiStatusError if the API itself answers with an `expected` status, and Unavailable
        for all other errors. `timeout`, in seconds, can only shorten the total timeout.
        """
        total = self._total if timeout is None else min(timeout, self._total)
        try:
            response = self._with_renewal(
                lambda credentials: self._send(
                    credentials, choose_method, args, kwargs, max(total, 0.001)
                )
            )
        except ApiStatusError as error:
            self._credentials.mark_reachable()
            if error.status in expected and error.is_kubernetes:
                raise
            raise error.to_error() from error
        except _NoResponse as error:
            unavailable = Unavailable("cluster_unavailable", f"the cluster did not answer: {error}")
            raise self._credentials.explain_failure(unavailable) from error
        self._credentials.mark_reachable()
        return response

    def _with_renewal(self, send: Callable[[ClusterCredentials], Json]) -> Json:
        """Retry once with renewed credentials after a 401 or a TLS error."""
        used: CacheEntry[ClusterCredentials] = self._credentials.get()
        try:
            return _with_fresh_connection(send, used.value)
        except ApiStatusError as error:
            if error.status != 401:
                raise
        except _TlsError:
            pass
        return _with_fresh_connection(send, self._credentials.renew(used).value)

    def _send(
        self,
        credentials: ClusterCredentials,
        choose_method: MethodChooser,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        total: float,
    ) -> Json:
        from kubernetes.client import ApiException

        try:
            method = choose_method(self._groups(credentials))
            deadline = time.monotonic() + total
            token = credentials.token
            with call_timeout(total):
                response = method(
                    *args,
                    _preload_content=False,
                    _request_timeout=(min(self._connect, total), min(self._read, total)),
                    _headers={"authorization": f"Bearer {token}"} if token else {},
                    **kwargs,
                )
                return _parse_object(read_body(response, deadline, MAX_RESPONSE_BYTES))
        except ApiException as error:
            if not error.status:
                raise _TlsError(" ".join(str(error.reason).split())[:LONGEST_MESSAGE]) from error
            body = _body(error)
            header = _retry_after_header(error)
            raise ApiStatusError(error.status, body, str(error.reason), header) from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as error:
            raise _no_response(error) from error

    def _groups(self, credentials: ClusterCredentials) -> ApiGroups:
        key = credentials.without_token
        with self._lock:
            if self._connected is None or self._connected[0] != key:
                self._connected = key, connect(key)
            return self._connected[1]


def _with_fresh_connection(
    send: Callable[[ClusterCredentials], Json], credentials: ClusterCredentials
) -> Json:
    """Retry once if the server had closed the pooled connection while it was idle."""
    try:
        return send(credentials)
    except _StaleConnection:
        return send(credentials)


def _parse_object(body: bytes) -> Json:
    parsed = json.loads(body)
    if not isinstance(parsed, dict):
        raise ValueError("the response is not a JSON object")
    return parsed


def _no_response(error: Exception) -> _NoResponse:
    if isinstance(error, TimeoutError):
        return _NoResponse(str(error) or "no whole response in time")
    cause = error.args[1] if len(error.args) > 1 else None
    closed = (RemoteDisconnected, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    kind = _StaleConnection if isinstance(cause, closed) else _NoResponse
    return kind(f"{error}"[:LONGEST_MESSAGE] or type(error).__name__)


def _body(error: "ApiException") -> Json:
    """The JSON object in an error response; empty if its body is not one."""
    try:
        body = json.loads(error.body or "")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_header(error: "ApiException") -> str | None:
    value = (error.headers or {}).get("Retry-After")
    return None if value is None else str(value)
