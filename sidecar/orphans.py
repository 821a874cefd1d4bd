"""Finds and ends processes that outlived the sidecar that started them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROUNDS = 250
PAUSE = 0.02
"""Seconds between two rounds; five seconds in all."""


def end_orphans(work: Path) -> int:
    """SIGKILL every process whose HOME is inside the folder `work`, until none is left.

    Each command has a HOME with a random name there, and its children inherit it, whatever their
    parent, group or session is. A process id alone proves nothing, because ids are reused.
    Returns how many there were; raises TimeoutError after five seconds.
    """
    ended: set[int] = set()
    for _ in range(ROUNDS):
        pids = _pids_with_home_in(work)
        if not pids:
            return len(ended)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended |= pids
        threading.Event().wait(PAUSE)
    raise TimeoutError(f"processes of an earlier sidecar do not end after SIGKILL: {sorted(ended)}")


def _pids_with_home_in(work: Path) -> set[int]:
    mark = f"HOME={work}/".encode()
    if sys.platform == "linux":
        return {pid for pid in _pids() if b"\0" + mark in b"\0" + _environment(pid)}
    return _parse_ps(mark, _ps())


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _environment(pid: int) -> bytes:
    """The environment at exec; empty if the process has ended or is not readable."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _ps() -> bytes:
    """All processes with their environments, where there is no /proc (macOS)."""
    argv = ["ps", "-A", "-E", "-ww", "-o", "pid=,command="]
    return subprocess.run(argv, capture_output=True, check=True, timeout=10).stdout


def _parse_ps(mark: bytes, listing: bytes) -> set[int]:
    lines = [line for line in listing.splitlines() if b" " + mark in line]
    return {int(line.split(maxsplit=1)[0]) for line in lines}
