"""Runs the host as a program, and a server that its app reports to."""

import contextlib
import json
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.processes import Child, start

APP = Path(__file__).parent / "counting"
PROJECT = Path(__file__).parents[3]
TIMEOUT_SECONDS = 30.0
INSTANCES = "runtime/webhooks/durabletask/instances"


Launch = Callable[[], Child]
"""Starts a host, and returns once it is ready."""


class Reports:
    """The app's reports. A report for which `hold` is True is not answered before `release`."""

    def __init__(self) -> None:
        self._incoming: queue.Queue[str] = queue.Queue()
        self.all: list[str] = []
        self.hold: Callable[[str], bool] = lambda report: False
        self._released = threading.Event()
        self.url = ""

    def release(self) -> None:
        """Answer all held reports, and hold no further ones."""
        self.hold = lambda report: False
        self._released.set()

    def next(self) -> str:
        """Wait for the next report."""
        return self._incoming.get(timeout=TIMEOUT_SECONDS)

    def receive(self, report: str) -> None:
        self.all.append(report)
        self._incoming.put(report)
        if self.hold(report):
            self._released.wait(TIMEOUT_SECONDS)


@contextlib.contextmanager
def report_server() -> Iterator[Reports]:
    """Run a server that receives reports."""
    reports = Reports()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reports.receive(self.path.strip("/"))
            with contextlib.suppress(OSError):  # the reporting host may have been killed
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    reports.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield reports
    finally:
        reports.release()
        server.shutdown()
        server.server_close()


def host(folder: Path, reports: Reports) -> Child:
    """Start the host with its state in a folder; it is ready on return."""
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(APP)]
    argv += ["--port", "0", "--state", str(folder / "state.sqlite")]
    log = folder / "host.log"
    return start("host", argv, log, {"COUNTING_URL": reports.url}, cwd=PROJECT)


def ask(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Status and JSON body of a response; None for another body."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.load(answer) if is_json else None


def begin(child: Child, name: str, instance: str) -> None:
    """Start an orchestration; it is acknowledged on return."""
    status, _ = ask(
        f"{child.url}/runtime/webhooks/durabletask/orchestrators/{name}/{instance}", "POST"
    )
    assert status == 202


def history(child: Child, instance: str) -> dict[str, Any]:
    """The status of an instance, with its events."""
    query = "showHistory=true&showHistoryOutput=true"
    status: dict[str, Any] = ask(f"{child.url}/{INSTANCES}/{instance}?{query}")[1]
    return status


def ended(child: Child, instance: str) -> dict[str, Any]:
    """The status of an instance with its events, once it has ended."""

    def has_ended() -> bool:
        return ask(f"{child.url}/{INSTANCES}/{instance}")[0] == 200

    until(has_ended)
    return history(child, instance)


def until(condition: Callable[[], bool]) -> None:
    """Poll, because another process sends no signal."""
    deadline, pause = time.monotonic() + TIMEOUT_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        pause.wait(0.05)
