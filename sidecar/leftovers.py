"""Processes that outlived the sidecar which had started them are found, and ended."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROUNDS = 250
PAUSE = 0.02
"""Seconds between two looks; five seconds in all."""


def end_orphans(work: Path) -> int:
    """SIGKILL every process whose HOME lies in the folder `work`, until none is seen.

    Each command has a HOME with a random name there, and its children inherit it, whatever
    their parent, group or session has become. A process id alone would prove nothing, for ids
    are given out again. Returns how many there were; raises TimeoutError after five seconds.
    """
    ended: set[int] = set()
    for _ in range(ROUNDS):
        found = _living_under(work)
        if not found:
            return len(ended)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
        threading.Event().wait(PAUSE)
    raise TimeoutError(f"processes of a former run do not end: {sorted(ended)}")


def _living_under(work: Path) -> set[int]:
    mark = f"HOME={work}/".encode()
    if sys.platform == "linux":
        return {pid for pid in _pids() if b"\0" + mark in b"\0" + _environment(pid)}
    return _listed_with(mark, _ps())


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _environment(pid: int) -> bytes:
    """As it was at the start of the program; empty for what has ended or is not ours to read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _ps() -> bytes:
    """Every process of the machine with its environment, where there is no /proc (macOS)."""
    argv = ["ps", "-A", "-E", "-ww", "-o", "pid=,command="]
    return subprocess.run(argv, capture_output=True, check=True, timeout=10).stdout


def _listed_with(mark: bytes, listing: bytes) -> set[int]:
    lines = [line for line in listing.splitlines() if b" " + mark in line]
    return {int(line.split(maxsplit=1)[0]) for line in lines}
