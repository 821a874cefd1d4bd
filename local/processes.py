"""Child processes of the local run: started in a group of their own, awaited, ended as a group."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.private import open_private

READY = re.compile(r"^ready (http://\S+)$", re.MULTILINE)
"""What each of our servers prints on stdout once it listens."""


class StartError(Exception):
    """A child ended or was not ready in time; the text has the end of its log."""


@dataclass
class Child:
    """A running program. Its output goes to `log`; `ready_matches` are its ready lines."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    ready_matches: list[re.Match[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address in the first ready line, without a trailing slash."""
        return self.ready_matches[0].group(1).rstrip("/")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, timeout: float = 10.0) -> None:
        """SIGTERM to the group, SIGKILL after `timeout` seconds. Idempotent."""
        if self.alive:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):  # kill() follows
                self.process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the group, as at a power loss. Idempotent."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


def start(
    name: str,
    argv: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    ready: Sequence[re.Pattern[str]] = (READY,),
    timeout: float = 60.0,
    cwd: Path | None = None,
) -> Child:
    """Start `argv` and wait until its output has matched every pattern of `ready`.

    `env` is added to this process's environment. Raises StartError after `timeout` seconds, or at
    once if the program ends first.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        start_new_session=True,
        cwd=cwd,
    )
    child = Child(name, process, log)
    settled = threading.Event()
    threading.Thread(target=_copy_output, args=(child, ready, settled), daemon=True).start()
    if not settled.wait(timeout) or len(child.ready_matches) < len(ready):
        child.kill()
        raise StartError(f"{name} did not start; the end of {log}:\n{_tail(log)}")
    return child


def _copy_output(child: Child, ready: Sequence[re.Pattern[str]], settled: threading.Event) -> None:
    """Copy the child's output to its log; set `settled` once it is ready or its output ends.

    The log is private, because Azurite logs the signature of each request.
    """
    pending = list(ready)
    assert child.process.stdout is not None
    with open_private(child.log) as log, child.process.stdout as lines:
        for line in lines:
            log.write(line)
            log.flush()
            for pattern in list(pending):
                if match := pattern.search(line):
                    child.ready_matches.append(match)
                    pending.remove(pattern)
            if not pending:
                settled.set()
    settled.set()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:])
