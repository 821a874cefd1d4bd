"""A real exec server as a child process, with a test script instead of the audited tools."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local.processes import Child, start
from sidecar.admission import Admission
from sidecar.command_runner import CommandRunner
from sidecar.operations import Operations
from sidecar.records import Records
from sidecar.settings import read_settings

ROOT = Path(__file__).parent.parent.parent
TOKEN = "token-" + "a" * 32
NEXT_TOKEN = "token-" + "b" * 32

TOOL = r"""#!/bin/sh
# Its first argument selects the behaviour. A process that holds pipe 3 is visible to the test.
detached() { PYTHON -c '
import os
import socket
ready_read, ready_write = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(ready_write, b"x")
    os.execlp("sleep", "sleep", "600")
os.read(ready_read, 1)'; }
case "$1" in
  say) printf '%s' "$2" ;;
  complain) echo "$2" >&2; exit "$3" ;;
  env) env ;;
  where) pwd; echo "$HOME"; echo "$TMPDIR"; ls -A . "$HOME" "$TMPDIR"; touch "$HOME/left" ;;
  cat) cat ;;
  note) echo started >> "$2" ;;
  hold) exec 3> "$2"; echo started >&3; exec sleep 600 ;;
  deaf) trap '' TERM; exec 3> "$2"; echo started >&3; sleep 600; sleep 600 ;;
  gentle) exec 3> "$2"; trap 'echo tidy; exit 7' TERM; echo started >&3; sleep 600 & wait ;;
  tidy) exec 3> "$2"; trap 'echo tidying >&3; cat "$3" > /dev/null; exit 0' TERM
    echo started >&3; sleep 600 & wait ;;
  family) exec 3> "$2"; sleep 600 & echo started >&3; wait ;;
  orphan) exec 3> "$2"; sleep 600 & echo started >&3 ;;
  runaway) exec 3> "$2"; echo output; detached; echo started >&3 ;;
  leave) exec 3> "$2"; echo started >&3; exec 4> "$3"; detached 4>&-; printf "started\n$$" >&4 ;;
  hidden) exec 3> "$2"; detached > /dev/null 2>&1; echo started >&3; sleep 600 ;;
  finish) exec 3> "$2"; echo started >&3; cat "$3" > /dev/null; echo finished >&3; echo done ;;
  flood) head -c "$2" /dev/zero | tr '\0' x; echo '{"end": true}' ;;
  lines) echo one; echo two >&2; echo three ;;
  gush) exec 3> "$2"; echo started >&3; exec yes ;;
  parent) cat "/proc/$PPID/$2" ;;
  own) cat "/proc/$$/$2" ;;
  environments) cat /proc/[0-9]*/environ 2> /dev/null | tr '\0' '\n' ;;
  die) kill -KILL $$ ;;
esac
""".replace("PYTHON", sys.executable)


@dataclass(frozen=True)
class JsonResponse:
    """An HTTP response with a JSON body."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Sidecar:
    """A running exec server; `folder` contains its tools, state and log."""

    folder: Path
    child: Child
    env: Mapping[str, str] = field(repr=False)
    prefix: Sequence[str] = ()

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> str:
        return self.child.log.read_text()

    @property
    def port(self) -> int:
        return int(self.child.url.rpartition(":")[2])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def raw(self) -> socket.socket:
        """A socket, to send malformed HTTP."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = TOKEN,
        extra: Mapping[str, str] | None = None,
    ) -> JsonResponse:
        """Send a request; `body` is JSON, or bytes sent unchanged. `extra`: headers."""
        connection = self.connect()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**(extra or {}), **({} if token is None else {"X-Exec-Token": token})}
        try:
            connection.request(method, path, None if body is None else data, headers)
            response = connection.getresponse()
            return JsonResponse(
                response.status, dict(response.headers), json.loads(response.read())
            )
        finally:
            connection.close()

    def run(self, *argv: str, **fields: object) -> dict[str, Any]:
        """The body of POST /exec for `elastic-blast ARGV`; asserts 200."""
        response = self.request("POST", "/exec", command(*argv, **fields))
        assert response.status == 200, response
        return response.body

    @property
    def instance(self) -> str:
        """The id of its state folder, from a response header."""
        return self.request("GET", "/healthz").headers["X-Exec-Instance"]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for the first log line of an event."""
        until(lambda: bool(self.events(name)))
        return self.events(name)[0]

    def restart(self) -> None:
        """Start it again with the same state folder."""
        self.child = launch(self.folder, self.env, self.prefix)


def command(*argv: str, **fields: object) -> dict[str, object]:
    return {"argv": ["elastic-blast", *argv], **fields}


def open_sidecar(folder: Path, prefix: Sequence[str] = (), **env: str) -> Sidecar:
    """Start a sidecar with a new state folder; `env` adds to the test settings.

    `prefix`: a command that runs it, such as one that drops privileges.
    """
    tools = folder / "bin"
    tools.mkdir(parents=True)
    for name in ("elastic-blast", "kubectl"):
        (tools / name).write_text(TOOL)
        (tools / name).chmod(0o755)
    settings = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "EXEC_TOKEN": TOKEN,
        "EXEC_STATE_DIR": str(folder / "state"),
        "EXEC_RATE_PER_MINUTE": "60000",
        "EXEC_KILL_SECONDS": "1",
        **env,
    }
    return Sidecar(folder, launch(folder, settings, prefix), settings, prefix)


def end_of(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a sidecar that must end by itself, with only `env` and a token."""
    return subprocess.run(
        [sys.executable, "-m", "sidecar", "--port", "0"],
        env={"EXEC_TOKEN": TOKEN, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def launch(folder: Path, env: Mapping[str, str], prefix: Sequence[str] = ()) -> Child:
    argv = [*prefix, sys.executable, "-m", "sidecar", "--port", "0"]
    return start("sidecar", argv, folder / "sidecar.log", env, cwd=ROOT)


class CommandPipe:
    """A named pipe that a command and its children hold open until they end."""

    def __init__(self, folder: Path, name: str = "pipe") -> None:
        self.path = str(folder / name)
        os.mkfifo(self.path)

    def wait_started(self) -> None:
        """Wait until the command has started."""
        self._pipe = Path(self.path).open()  # noqa: SIM115 closed in `wait_closed`
        assert self._pipe.readline() == "started\n"

    def next_line(self) -> str:
        """Wait for the next line."""
        return self._pipe.readline()

    def wait_closed(self) -> str:
        """Wait until no process holds the pipe; returns the rest of its content."""
        with self._pipe:
            return self._pipe.read()


def operations_on(
    folder: Path, now: Callable[[], datetime], tools: Path | None = None
) -> Operations:
    """The operations of a sidecar that has just started on `folder`."""
    admission = Admission(max_concurrency=4, rate_per_minute=60, clock=time.monotonic)
    settings = read_settings({"EXEC_TOKEN": TOKEN})
    env = {"PATH": f"{tools}:/usr/bin:/bin"} if tools else {}
    commands = CommandRunner(settings, env, folder / "work", admission)
    records = Records(folder / "operations")
    records.open()
    return Operations(records, commands, admission, now)


def is_gone(pid: int) -> bool:
    """Whether a process has ended and was reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Poll for a condition that another process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not reached in time"
        threading.Event().wait(0.01)
