"""The kubernetes client over connections that verify, are kept alive, and can be cut."""

import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from shared.clients.deadline import DeadlineSocket, total_timeout
from shared.clients.kubernetes.credentials import ClusterCredentials

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, BatchV1Api, CoordinationV1Api, CoreV1Api

POOL = 32
"""Connections to one API server that are kept."""

_LINE: ContextVar[DeadlineSocket] = ContextVar("line")
"""What the running call speaks through."""


@contextmanager
def bounded(patience: float) -> Iterator[None]:
    """What is asked in here is over within `patience` seconds, or cut off with TimeoutError."""
    with total_timeout(patience) as line:
        before = _LINE.set(line)
        try:
            yield
        finally:
            _LINE.reset(before)


@dataclass(frozen=True)
class Groups:
    """The groups of the Kubernetes API that are spoken to."""

    batch: "BatchV1Api"
    core: "CoreV1Api"
    coordination: "CoordinationV1Api"
    client: "ApiClient"

    def raw(self, method: str, path: str, body: Mapping[str, object]) -> Callable[..., Any]:
        """A method that sends this very JSON.

        The client would read it into a model of its own first, which drops what it does not know,
        and writes whole seconds of a MicroTime in a form that API servers refuse.
        """

        def send(*, _headers: Mapping[str, str], _request_timeout: object, **_: object) -> Any:
            from kubernetes.client import ApiException

            answer: Any = self.client.call_api(
                method,
                self.client.configuration.host + path,
                header_params={**_headers, "Content-Type": "application/json"},
                body=body,
                _request_timeout=_request_timeout,
            )
            if not 200 <= answer.status < 300:
                answer.read()
                raise ApiException(http_resp=answer)
            return answer.response

        return send


def connect(access: ClusterCredentials) -> Groups:
    """Clients for an API server; nothing is sent yet. Raises OSError or ValueError for bad PEM."""
    # Imported when first used: it costs more than all the rest of the app together.
    from kubernetes import client

    configuration = client.Configuration(host=access.server)
    configuration.retries = False
    configuration.connection_pool_maxsize = POOL
    configuration.tls_server_name = access.server_name
    # A balancer between forgets an idle connection in silence: the probes notice, or prevent it.
    configuration.keep_alive = True
    api = client.ApiClient(configuration)
    manager = api.rest_client.pool_manager
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    manager.connection_pool_kw["ssl_context"] = _context(access)
    groups = client.BatchV1Api(api), client.CoreV1Api(api), client.CoordinationV1Api(api)
    return Groups(*groups, api)


def _context(access: ClusterCredentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=access.authority)
    # Newer Pythons also demand extensions that the authorities of many clusters do not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.certificate:
        # The library reads these from files alone; they are gone before anything is sent.
        with tempfile.TemporaryDirectory() as private:
            pair = Path(private, "pair.pem")
            pair.touch(mode=0o600)
            pair.write_text(f"{access.certificate}\n{access.key or ''}")
            context.load_cert_chain(pair)
    return context


class _Plain(HTTPConnection):
    """A connection that the running call can cut."""

    def connect(self) -> None:
        super().connect()
        _LINE.get().attach(self.sock)

    def request(self, *words: Any, **more: Any) -> None:
        if self.sock:
            _LINE.get().attach(self.sock)
        super().request(*words, **more)


class _Secure(_Plain, HTTPSConnection):
    """The same over TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure
