"""Asking an API server: one question, one JSON object, within a time, and its trouble as ours."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any

import urllib3

from shared.clients.body import read_whole, retry_after
from shared.clients.kubernetes.connection import Groups, bounded, connect
from shared.clients.kubernetes.credentials import ClusterCredentials, CredentialProvider
from shared.errors import Unavailable
from shared.util.single_flight import CacheEntry

if TYPE_CHECKING:
    from kubernetes.client import ApiException

NAMESPACE = "default"
CONNECT, READ, TOTAL = 5.0, 20.0, 60.0
"""The near patience, in seconds: to connect, between two pieces of an answer, and in all."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; a page of Jobs of ElasticBLAST has 7 MB."""
LONGEST_MESSAGE = 300
NOT_FOUND, CONFLICT, GONE = 404, 409, 410

Json = dict[str, Any]
Question = Callable[[Groups], Callable[..., Any]]
"""Chooses a method of the kubernetes client."""


class ApiStatusError(Exception):
    """The API server answered with another status than success."""

    def __init__(self, status: int, body: Json, words: str, header: str | None) -> None:
        message = " ".join(str(body.get("message") or words).split())[:LONGEST_MESSAGE]
        super().__init__(f"the cluster answered {status}: {message}")
        self.status = status
        self.header = header
        self._body = body

    @property
    def is_kubernetes(self) -> bool:
        """Whether the API itself refused: what stands between has no Status of this code."""
        return self._body.get("kind") == "Status" and self._body.get("code") == self.status

    def is_about(self, kind: str, name: str) -> bool:
        """Whether it refused because of this very object, such as `leases` of that name."""
        details = self._body.get("details")
        named = details if isinstance(details, dict) else {}
        return (named.get("kind"), named.get("name")) == (kind, name)

    @property
    def to_error(self) -> Unavailable:
        """The same for those who can only wait."""
        code = "cluster_refused" if self.status in (401, 403) else "cluster_unavailable"
        return Unavailable(code, str(self), retry_after(self.header))


class _NoResponse(Exception):
    """No whole answer came."""


class _TlsError(_NoResponse):
    """TLS could not be agreed on, as after the server's authority has changed."""


class _StaleConnection(_NoResponse):
    """The connection was closed before anything of an answer came."""


class KubernetesApi:
    """The API server of one cluster. Every question of ours may be said twice."""

    def __init__(self, reach: CredentialProvider, patience: tuple[float, float, float]) -> None:
        """`patience` is in seconds: to connect, between two pieces of an answer, and in all."""
        self._reach = reach
        self._connect, self._read, self._total = patience
        self._lock = threading.Lock()
        self._opened: tuple[ClusterCredentials, Groups] | None = None

    def call(
        self,
        question: Question,
        *words: object,
        expected: tuple[int, ...] = (),
        patience: float | None = None,
        **more: object,
    ) -> Json:
        """The JSON object that is answered. Raises Answered where the API itself refuses with an
        expected status.

        All other trouble is raised as Unavailable. `patience` is in seconds.
        """
        total = self._total if patience is None else min(patience, self._total)
        try:
            answer = self._renewing(
                lambda access: self._send(access, question, words, more, max(total, 0.001))
            )
        except ApiStatusError as refusal:
            self._reach.trust()
            if refusal.status in expected and refusal.is_kubernetes:
                raise
            raise refusal.to_error from refusal
        except _NoResponse as silence:
            text = f"the cluster could not be asked: {silence}"
            raise self._reach.explained(Unavailable("cluster_unavailable", text)) from silence
        self._reach.trust()
        return answer

    def _renewing(self, send: Callable[[ClusterCredentials], Json]) -> Json:
        """Once more with another access, if the first is refused: tokens and authorities change."""
        used: CacheEntry[ClusterCredentials] = self._reach.access()
        try:
            return _fresh(send, used.value)
        except ApiStatusError as refusal:
            if refusal.status != 401:
                raise
        except _TlsError:
            pass
        return _fresh(send, self._reach.renewed(used).value)

    def _send(
        self,
        access: ClusterCredentials,
        question: Question,
        words: tuple[object, ...],
        more: Mapping[str, object],
        total: float,
    ) -> Json:
        from kubernetes.client import ApiException

        try:
            method = question(self._groups(access))
            until = time.monotonic() + total
            with bounded(total):
                answer = method(
                    *words,
                    _preload_content=False,
                    _request_timeout=(min(self._connect, total), min(self._read, total)),
                    _headers={"authorization": f"Bearer {access.token}"} if access.token else {},
                    **more,
                )
                return _object(read_whole(answer, until, LARGEST_ANSWER))
        except ApiException as error:
            if not error.status:
                raise _TlsError(" ".join(str(error.reason).split())[:LONGEST_MESSAGE]) from error
            body = _body(error)
            raise ApiStatusError(error.status, body, str(error.reason), _header(error)) from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as error:
            raise _silence(error) from error

    def _groups(self, access: ClusterCredentials) -> Groups:
        way = access.without_token
        with self._lock:
            if self._opened is None or self._opened[0] != way:
                self._opened = way, connect(way)
            return self._opened[1]


def _fresh(send: Callable[[ClusterCredentials], Json], access: ClusterCredentials) -> Json:
    """Once more, if the connection was closed by the other side while it lay idle."""
    try:
        return send(access)
    except _StaleConnection:
        return send(access)


def _object(body: bytes) -> Json:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")
    return found


def _silence(error: Exception) -> _NoResponse:
    if isinstance(error, TimeoutError):
        return _NoResponse(str(error) or "no whole answer came in time")
    cause = error.args[1] if len(error.args) > 1 else None
    closed = (RemoteDisconnected, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    kind = _StaleConnection if isinstance(cause, closed) else _NoResponse
    return kind(f"{error}"[:LONGEST_MESSAGE] or type(error).__name__)


def _body(error: "ApiException") -> Json:
    """The JSON object of a refusal; an empty one if there is none."""
    try:
        found = json.loads(error.body or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _header(error: "ApiException") -> str | None:
    found = (error.headers or {}).get("Retry-After")
    return None if found is None else str(found)
