"""The host as a program, and a server of the test's that its app reports to."""

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
PATIENCE = 30.0
INSTANCES = "runtime/webhooks/durabletask/instances"


Launch = Callable[[], Child]
"""Starts a host; it is ready when this returns."""


class Reports:
    """What the app has reported; reports that `hold` names are not answered before `release`."""

    def __init__(self) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        self.all: list[str] = []
        self.hold: Callable[[str], bool] = lambda what: False
        self._released = threading.Event()
        self.url = ""

    def release(self) -> None:
        """Answer all that is held, and hold nothing any more."""
        self.hold = lambda what: False
        self._released.set()

    def next(self) -> str:
        """The next report, once it comes."""
        return self.heard.get(timeout=PATIENCE)

    def receive(self, what: str) -> None:
        self.all.append(what)
        self.heard.put(what)
        if self.hold(what):
            self._released.wait(PATIENCE)


@contextlib.contextmanager
def reports() -> Iterator[Reports]:
    """A server that hears reports."""
    found = Reports()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.receive(self.path.strip("/"))
            with contextlib.suppress(OSError):  # whoever reported may have been killed by now
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"heard")

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        found.release()
        server.shutdown()
        server.server_close()


def host(folder: Path, heard: Reports) -> Child:
    """Start the host over the state in a folder; ready when this returns."""
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(APP)]
    argv += ["--port", "0", "--state", str(folder / "state.sqlite")]
    log = folder / "host.log"
    return start("host", argv, log, {"COUNTING_URL": heard.url}, cwd=PROJECT)


def ask(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """The status of an answer and its JSON, if that is what it carries."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.load(answer) if is_json else None


def begin(child: Child, name: str, instance: str) -> None:
    """Start an orchestration; it is acknowledged when this returns."""
    status, _ = ask(
        f"{child.url}/runtime/webhooks/durabletask/orchestrators/{name}/{instance}", "POST"
    )
    assert status == 202


def history(child: Child, instance: str) -> dict[str, Any]:
    """The status of an instance, with its events."""
    query = "showHistory=true&showHistoryOutput=true"
    found: dict[str, Any] = ask(f"{child.url}/{INSTANCES}/{instance}?{query}")[1]
    return found


def ended(child: Child, instance: str) -> dict[str, Any]:
    """The status of an instance with its events, once it has ended."""

    def over() -> bool:
        return ask(f"{child.url}/{INSTANCES}/{instance}")[0] == 200

    until(over)
    return history(child, instance)


def until(happened: Callable[[], bool]) -> None:
    """Ask again and again, for want of a signal from another process."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.05)
