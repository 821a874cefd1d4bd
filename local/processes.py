"""Child processes of the local run: started in their own group, heard until ready, ended whole."""

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


class DidNotStart(Exception):
    """A child ended, or was not ready in time; the text carries the end of its log."""


@dataclass
class Child:
    """A running program. Its output goes to `log`; what showed that it is ready is in `found`."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    found: list[re.Match[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address in the first ready line, without a trailing slash."""
        return self.found[0].group(1).rstrip("/")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, patience: float = 10.0) -> None:
        """Ask the group to end, and make it end after `patience` seconds. Safe to say twice."""
        if self.alive:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):  # what did not listen is killed
                self.process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the group, as a machine that loses power would. Safe to say twice."""
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
    patience: float = 60.0,
    cwd: Path | None = None,
) -> Child:
    """Start `argv` and wait until its output has shown every pattern of `ready`, once each.

    `env` is added to this process's environment. Raises DidNotStart after `patience` seconds,
    or at once when the program ends first.
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
    threading.Thread(target=_listen, args=(child, ready, settled), daemon=True).start()
    if not settled.wait(patience) or len(child.found) < len(ready):
        child.kill()
        raise DidNotStart(f"{name} did not start; the end of {log} says:\n{_tail(log)}")
    return child


def _listen(child: Child, ready: Sequence[re.Pattern[str]], settled: threading.Event) -> None:
    """Copy the child's output to its log for as long as it speaks; settle when ready or silent.

    The log is private: Azurite's has the signature of each request in it.
    """
    waiting = list(ready)
    assert child.process.stdout is not None
    with open_private(child.log) as log, child.process.stdout as lines:
        for line in lines:
            log.write(line)
            log.flush()
            for pattern in list(waiting):
                if match := pattern.search(line):
                    child.found.append(match)
                    waiting.remove(pattern)
            if not waiting:
                settled.set()
    settled.set()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text().splitlines()[-lines:])
