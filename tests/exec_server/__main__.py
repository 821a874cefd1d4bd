"""`python -m tests.exec_server`: an exec server without operations, like the dashboard's.

It reproduces the real one's responses, which `test_contract.py` compares: HTTP/1.0, HTML
with 501 for PUT and DELETE, 404 before the token is checked, no instance, and commands that run on
after a disconnect. It listens on `EXEC_PORT`, reads its token from `EXEC_TOKEN`, and reports its
start by an `exec_server_started` line on stderr.
"""

import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ALLOWED = ("az", "azcopy", "elastic-blast", "elb", "kubectl")
MAX_CONCURRENCY = int(os.environ.get("EXEC_MAX_CONCURRENCY", "4"))
BODY_CAP = 64 * 1024
LONGEST = 1800

_slots = threading.BoundedSemaphore(MAX_CONCURRENCY)


class HttpError(Exception):
    """An error response."""

    def __init__(self, status: int, error: str, **extra: object) -> None:
        super().__init__(error)
        self.status, self.body = status, {"error": error, **extra}


class Handler(BaseHTTPRequestHandler):
    """Has no PUT and DELETE: the base class answers these with 501 and HTML."""

    timeout = 15

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a request can contain a token."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._respond(200, {"status": "ok", "max_concurrency": MAX_CONCURRENCY})
        else:
            self._respond(404, {"error": "not found"})

    def do_POST(self) -> None:
        try:
            self._respond(200, self._run())
        except HttpError as error:
            self._respond(error.status, error.body)
        except OSError:
            self._respond(500, {"error": "exec failed"})

    def _run(self) -> dict[str, Any]:
        if self.path != "/exec":
            raise HttpError(404, "not found")
        token = self.headers.get("X-Exec-Token") or ""
        if not hmac.compare_digest(token, os.environ["EXEC_TOKEN"]):
            raise HttpError(401, "missing or invalid X-Exec-Token")
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_CAP:
            raise HttpError(413, f"body too large (max {BODY_CAP})")
        argv, stdin, seconds = _parse(self.rfile.read(length))
        if not _slots.acquire(blocking=False):
            raise HttpError(503, "exec server busy", max_concurrency=MAX_CONCURRENCY)
        try:
            self.connection.settimeout(seconds + 30)
            return _run(argv, stdin, seconds)
        finally:
            _slots.release()

    def _respond(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(payload)


def _parse(body: bytes) -> tuple[list[str], str | None, int]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError as error:
        raise HttpError(400, f"invalid JSON: {error}") from None
    argv = fields.get("argv")
    if not isinstance(argv, list) or not argv:
        raise HttpError(400, "argv must be a non-empty list")
    if argv[0] not in ALLOWED:
        raise HttpError(403, f"argv[0] {argv[0]!r} not in allowlist {sorted(ALLOWED)}")
    seconds = max(1, min(int(fields.get("timeout_seconds", 60)), LONGEST))
    return argv, fields.get("stdin"), seconds


def _run(argv: list[str], stdin: str | None, seconds: int) -> dict[str, Any]:
    started_at, timed_out = time.monotonic(), False
    with tempfile.TemporaryDirectory(prefix="exec-") as folder:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
        try:
            output = process.communicate(None if stdin is None else stdin.encode(), seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()
    return {
        "exit_code": 124 if timed_out else process.returncode,
        "stdout": output[0].decode(errors="replace"),
        "stderr": output[1].decode(errors="replace"),
        "duration_ms": int((time.monotonic() - started_at) * 1000),
        "timed_out": timed_out,
    }


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["EXEC_PORT"])), Handler)
    server.daemon_threads = True
    sys.stderr.write(json.dumps({"event": "exec_server_started"}) + "\n")
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
