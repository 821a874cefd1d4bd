"""A fake of the Durable extension's HTTP API, which records requests and starts nothing."""

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
    """The recorded requests: inputs by started instance, and events as (instance, name)."""

    binding: str = ""
    """The value of a durable client binding."""
    started: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    def answer(self, method: str, segments: list[str], body: Any) -> tuple[int, Any]:
        """Status and body of the response; `segments` is the path split at slashes."""
        match method, segments:
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
    """Serve the fake extension while the context is open."""
    fake = Extension()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            segments = self.path.partition("?")[0].split("/durabletask/")[1].split("/")
            text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, body = fake.answer(self.command, segments, json.loads(text or "null"))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.binding = client_binding(f"http://127.0.0.1:{server.server_port}", "test")
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
