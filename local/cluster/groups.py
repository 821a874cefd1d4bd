"""Process groups: started behind a gate, recognised after a restart, and ended whole."""

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

_GATE = 'read -r _ && exec "$@" </dev/null'
"""Waits for one line before it becomes the command; ends instead if the cluster dies first."""

_GRACE_AFTER_KILL = 1.0
"""Seconds for a killed group to vanish; what is left then are dead entries nobody reaps."""


async def spawn(argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start the command in a session of its own, held until `release`; its output goes to `log`.

    So a process can be written down before it runs. Raises OSError if it cannot be started.
    """
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _GATE, "sh", *argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=dict(env),
            cwd=cwd,
        )


def release(process: Process) -> None:
    """Let a held process become its command."""
    if process.stdin is not None:
        process.stdin.write(b"\n")
        process.stdin.close()


def identity(pid: int) -> str | None:
    """A text that no other process has had or will have under this id; None if there is none.

    It carries the instant the process started, because process ids are used again.
    """
    stat = Path(f"/proc/{pid}/stat")
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        if boot.exists():
            started = stat.read_text().rpartition(")")[2].split()[19]  # field 22 of proc(5)
            return f"{pid}@{boot.read_text().strip()}:{started}"
    except (FileNotFoundError, ProcessLookupError):
        return None
    argv = ["ps", "-o", "lstart=", "-p", str(pid)]
    same_words = {"LC_ALL": "C"}
    asked = subprocess.run(argv, env=same_words, capture_output=True, text=True, timeout=10)
    return f"{pid}@{asked.stdout.strip()}" if asked.stdout.strip() else None


def send(pid: int, number: signal.Signals) -> bool:
    """Signal the whole group that `pid` leads; False when nothing is left to be signalled."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # the latter is macOS's word for only zombies
        return False
    return True


async def wipe(pid: int) -> None:
    """Kill what is left of the group, and wait until it is gone."""
    delay, waited = 0.001, 0.0
    while send(pid, signal.SIGKILL) and _lives(pid) and waited < _GRACE_AFTER_KILL:
        await asyncio.sleep(delay)
        waited, delay = waited + delay, delay * 2


def _lives(group: int) -> bool:
    """Whether any of the group lives; where that cannot be seen, what can be signalled does."""
    if not Path("/proc/self/stat").exists():
        return True
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has just ended
            state, _, its = entry.read_text().rpartition(")")[2].split()[:3]
            if int(its) == group and state not in "ZX":
                return True
    return False


def kill_recognised(its: str) -> bool:
    """Kill the group whose leader has this identity; a stranger under the same id is let be."""
    pid = int(its.partition("@")[0])
    if identity(pid) != its:
        return False
    return send(pid, signal.SIGKILL)


async def end(process: Process, grace: float) -> None:
    """Ask the group to end, and kill it after `grace` seconds."""
    send(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):  # what did not listen is killed
        await asyncio.wait_for(process.wait(), grace)
    await wipe(process.pid)
