"""A scriptable API server over TLS with a private CA."""

import base64
import contextlib
import json
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
import yaml

from shared.clients.kubernetes import ClusterCredentials, CredentialProvider

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A received request, with the client's port and certificate."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    port: int
    user: str | None
    """The name in the client's certificate."""


@dataclass(frozen=True)
class Reply:
    """A response. `length` overrides Content-Length; `closes` resets; `drips` never ends."""

    status: int = 200
    body: Json | bytes = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    closes: bool = False
    drips: bool = False


def status(code: int, reason: str, **details: str) -> Reply:
    """An error of the Kubernetes API itself."""
    failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason}
    return Reply(code, {**failure, "reason": reason, "code": code, "details": details})


Manner = Callable[[Request], Reply]


def empty(_: Request) -> Reply:
    return Reply(body={"kind": "List", "metadata": {}, "items": []})


@dataclass
class Server:
    """The server: its port, requests and behaviour. An empty `tokens` accepts any token."""

    authority: trustme.CA
    port: int = 0
    manner: Manner = empty
    tokens: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    bugs: list[BaseException | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def pem(self) -> bytes:
        return self.authority.cert_pem.bytes()

    def kubeconfig(self, user: Json, authority: bytes | None = None) -> Json:
        """A kubeconfig for this server, with its own CA unless another is given."""
        return kubeconfig(self.url, user, authority or self.pem)

    def answer(self, request: Request) -> Reply:
        if self.over.is_set():
            return Reply(closes=True)
        self.requests.append(request)
        if self.tokens and request.token not in self.tokens:
            return Reply(401, {"kind": "Status", "message": "Unauthorized"})
        return self.manner(request)


def kubeconfig(url: str, user: Json, authority: bytes | None = None, name: str = "aks") -> Json:
    ca = {"certificate-authority-data": data(authority)} if authority else {}
    return {
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, **ca}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}}],
        "current-context": name,
    }


def provider(credentials: ClusterCredentials) -> CredentialProvider:
    """Provides these credentials."""

    async def read() -> ClusterCredentials:
        return credentials

    return CredentialProvider(read)


def data(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def encoded(config: Json) -> str:
    """A kubeconfig as ARM returns it."""
    return data(yaml.safe_dump(config).encode())


@contextlib.contextmanager
def serving(authority: trustme.CA, tls: bool = True, client: bool = False) -> Iterator[Server]:
    """Run a server in the context. With `client` it requires client certificates."""
    server = Server(authority)
    listener = _Listener(("127.0.0.1", 0), server, _context(authority, client) if tls else None)
    server.port = listener.server_port
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        listener.shutdown()
        listener.server_close()
        thread.join(10)
    assert not server.bugs


def _context(authority: trustme.CA, client: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(
        self, address: tuple[str, int], server: Server, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(address, _Handler)
        self.state = server
        self.context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Performs the TLS handshake in the connection's own thread."""
        with contextlib.suppress(OSError):  # clients that reject our certificate or disconnect
            if self.context:
                request = self.context.wrap_socket(request, server_side=True)
            with request:
                super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.state.bugs.append(sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        assert isinstance(self.server, _Listener)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.state.answer(self._request())
        if reply.closes:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        length = len(body) if reply.length is None else reply.length
        self.close_connection = length != len(body)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(length), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        while reply.drips and not self.server.state.over.wait(0.05):
            self.wfile.write(b" ")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        port = self.client_address[1]
        return Request(self.command, parts.path, query, token, port, self._user())

    def _user(self) -> str | None:
        certificate: Json = getattr(self.connection, "getpeercert", dict)() or {}
        names = [value for name, value in certificate.get("subjectAltName", ())]
        return names[0] if names else None

    def log_message(self, format: str, *args: Any) -> None:
        """Suppresses the log; tests read `Server.requests`."""
