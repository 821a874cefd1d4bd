"""`python -m tests.exec_server`: an exec server without operations, as the dashboard has one.

It was written after the answers of the real one, which `test_contract.py` compares: HTTP/1.0, HTML
with 501 for PUT and DELETE, a 404 before the token is read, no instance, and a command that runs on
after its client has gone. It listens on `EXEC_PORT`, takes its token from `EXEC_TOKEN`, and says so
by an `exec_server_started` line on stderr.
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
MOST_AT_ONCE = int(os.environ.get("EXEC_MAX_CONCURRENCY", "4"))
BODY_CAP = 64 * 1024
LONGEST = 1800

_slots = threading.BoundedSemaphore(MOST_AT_ONCE)


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, error: str, **more: object) -> None:
        super().__init__(error)
        self.status, self.body = status, {"error": error, **more}


class Handler(BaseHTTPRequestHandler):
    """Without methods for PUT and DELETE: the base class answers those with 501 and HTML."""

    timeout = 15

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a request may hold a token."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {"status": "ok", "max_concurrency": MOST_AT_ONCE})
        else:
            self._answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        try:
            self._answer(200, self._run())
        except Refused as refused:
            self._answer(refused.status, refused.body)
        except OSError:
            self._answer(500, {"error": "exec failed"})

    def _run(self) -> dict[str, Any]:
        if self.path != "/exec":
            raise Refused(404, "not found")
        token = self.headers.get("X-Exec-Token") or ""
        if not hmac.compare_digest(token, os.environ["EXEC_TOKEN"]):
            raise Refused(401, "missing or invalid X-Exec-Token")
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_CAP:
            raise Refused(413, f"body too large (max {BODY_CAP})")
        argv, stdin, seconds = _parsed(self.rfile.read(length))
        if not _slots.acquire(blocking=False):
            raise Refused(503, "exec server busy", max_concurrency=MOST_AT_ONCE)
        try:
            self.connection.settimeout(seconds + 30)
            return _run(argv, stdin, seconds)
        finally:
            _slots.release()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(payload)


def _parsed(body: bytes) -> tuple[list[str], str | None, int]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError as error:
        raise Refused(400, f"invalid JSON: {error}") from None
    argv = asked.get("argv")
    if not isinstance(argv, list) or not argv:
        raise Refused(400, "argv must be a non-empty list")
    if argv[0] not in ALLOWED:
        raise Refused(403, f"argv[0] {argv[0]!r} not in allowlist {sorted(ALLOWED)}")
    seconds = max(1, min(int(asked.get("timeout_seconds", 60)), LONGEST))
    return argv, asked.get("stdin"), seconds


def _run(argv: list[str], stdin: str | None, seconds: int) -> dict[str, Any]:
    began, timed_out = time.monotonic(), False
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
            heard = process.communicate(None if stdin is None else stdin.encode(), seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            heard = process.communicate()
    return {
        "exit_code": 124 if timed_out else process.returncode,
        "stdout": heard[0].decode(errors="replace"),
        "stderr": heard[1].decode(errors="replace"),
        "duration_ms": int((time.monotonic() - began) * 1000),
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
