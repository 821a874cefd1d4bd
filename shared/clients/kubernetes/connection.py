"""The kubernetes client over verified, pooled connections with a total timeout per call."""

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

POOL_SIZE = 32
"""Pooled connections per API server."""

_DEADLINE_SOCKET: ContextVar[DeadlineSocket] = ContextVar("deadline_socket")
"""The socket of the current call."""


@contextmanager
def call_timeout(seconds: float) -> Iterator[None]:
    """Raise TimeoutError if the request sent in this context takes longer than `seconds`."""
    with total_timeout(seconds) as deadline_socket:
        token = _DEADLINE_SOCKET.set(deadline_socket)
        try:
            yield
        finally:
            _DEADLINE_SOCKET.reset(token)


@dataclass(frozen=True)
class ApiGroups:
    """Clients of the Kubernetes API groups that the app uses."""

    batch: "BatchV1Api"
    core: "CoreV1Api"
    coordination: "CoordinationV1Api"
    client: "ApiClient"

    def close(self) -> None:
        """Close the pooled connections; the client's own `close` leaves them open."""
        self.client.rest_client.pool_manager.clear()

    def raw(self, method: str, path: str, body: Mapping[str, object]) -> Callable[..., Any]:
        """A method that sends `body` unchanged.

        The client's own methods convert it to a model, which drops unknown fields and writes a
        MicroTime of whole seconds in a form that API servers reject.
        """

        def send(*, _headers: Mapping[str, str], _request_timeout: object, **_: object) -> Any:
            from kubernetes.client import ApiException

            response: Any = self.client.call_api(
                method,
                self.client.configuration.host + path,
                header_params={**_headers, "Content-Type": "application/json"},
                body=body,
                _request_timeout=_request_timeout,
            )
            if not 200 <= response.status < 300:
                response.read()
                raise ApiException(http_resp=response)
            return response.response

        return send


def connect(credentials: ClusterCredentials) -> ApiGroups:
    """Clients for an API server. Sends nothing. Raises OSError or ValueError for invalid PEM."""
    # Imported on first use: importing it takes longer than importing the rest of the app.
    from kubernetes import client

    configuration = client.Configuration(host=credentials.server)
    configuration.retries = False
    configuration.connection_pool_maxsize = POOL_SIZE
    configuration.tls_server_name = credentials.server_name
    # A load balancer drops idle connections silently. TCP keep-alive prevents or detects that.
    configuration.keep_alive = True
    api = client.ApiClient(configuration)
    manager = api.rest_client.pool_manager
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    manager.connection_pool_kw["ssl_context"] = _ssl_context(credentials)
    groups = client.BatchV1Api(api), client.CoreV1Api(api), client.CoordinationV1Api(api)
    return ApiGroups(*groups, api)


def _ssl_context(credentials: ClusterCredentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=credentials.authority)
    # The default since Python 3.13 requires extensions that many clusters' CAs do not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if credentials.certificate:
        # ssl reads these only from files, which are deleted before any request.
        with tempfile.TemporaryDirectory() as private_dir:
            pair = Path(private_dir, "pair.pem")
            pair.touch(mode=0o600)
            pair.write_text(f"{credentials.certificate}\n{credentials.key or ''}")
            context.load_cert_chain(pair)
    return context


class _HttpConnection(HTTPConnection):
    """A connection that attaches its socket to the current call's timeout."""

    def connect(self) -> None:
        super().connect()
        _DEADLINE_SOCKET.get().attach(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock:
            _DEADLINE_SOCKET.get().attach(self.sock)
        super().request(*args, **kwargs)


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    """The same over TLS."""


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
