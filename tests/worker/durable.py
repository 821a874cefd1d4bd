"""The HTTP side of the Durable extension, as far as the app's client asks it: it starts nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.functions_host.durable.webhooks import client_binding

NOW = "2026-11-25T12:00:00Z"


@dataclass
class Extension:
    """What was asked of it: inputs by instance that was started, and events as (instance, name)."""

    binding: str = ""
    """What a function with a durable client is handed."""
    started: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    def answer(self, method: str, words: list[str], body: Any) -> tuple[int, Any]:
        """The status and body of the answer to a request for `/instances/ID` and the like."""
        match method, words:
            case "POST", ["orchestrators", _, instance]:
                self.started[instance] = body
                return 202, {"id": instance}
            case "POST", ["instances", instance, "raiseEvent", name]:
                self.events.append((instance, name))
                return 202, {}
            case "GET", ["instances", instance] if instance in self.started:
                return 202, _status(instance)
            case "DELETE", ["instances", instance]:
                self.purged.append(instance)
                return 200, {"instancesDeleted": 1}
        return 404, {}


def _status(instance: str) -> dict[str, Any]:
    times = {"createdTime": NOW, "lastUpdatedTime": NOW}
    state = {"runtimeStatus": "Running", "input": None, "customStatus": None, "output": None}
    return {"name": "blast_job", "instanceId": instance, **times, **state}


@contextmanager
def extension() -> Iterator[Extension]:
    """One that answers for as long as the context is open."""
    one = Extension()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            words = self.path.partition("?")[0].split("/durabletask/")[1].split("/")
            text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, body = one.answer(self.command, words, json.loads(text or "null"))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: the tests look at what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one.binding = client_binding(f"http://127.0.0.1:{server.server_port}", "test")
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
