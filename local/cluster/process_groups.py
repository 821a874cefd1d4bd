"""Process groups: held until released, recognised after a restart, and ended as a whole."""

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

_GATE = 'read -r _ && exec "$@" </dev/null'
"""Waits for one line, then becomes the command; ends if the cluster's process ends first."""

_GRACE_AFTER_KILL = 1.0
"""Seconds to wait for a killed group; only unreaped zombies are left after that."""


async def spawn(argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start the command in a new session, held until `release`; its output goes to `log`.

    So its identity can be stored before it runs. Raises OSError if it cannot be started.
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
    """Let a held process run its command."""
    if process.stdin is not None:
        process.stdin.write(b"\n")
        process.stdin.close()


def identity(pid: int) -> str | None:
    """A text that identifies the process with this pid for ever; None if there is none.

    It contains the process's start time, because pids are reused.
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
    c_locale = {"LC_ALL": "C"}
    completed = subprocess.run(argv, env=c_locale, capture_output=True, text=True, timeout=10)
    return f"{pid}@{completed.stdout.strip()}" if completed.stdout.strip() else None


def send(pid: int, number: signal.Signals) -> bool:
    """Signal the group led by `pid`; False if no process of it is left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS: PermissionError for zombies only
        return False
    return True


async def kill_and_wait(pid: int) -> None:
    """Kill the rest of the group, and wait until it is gone."""
    delay, waited = 0.001, 0.0
    while send(pid, signal.SIGKILL) and _is_alive(pid) and waited < _GRACE_AFTER_KILL:
        await asyncio.sleep(delay)
        waited, delay = waited + delay, delay * 2


def _is_alive(group: int) -> bool:
    """Whether a process of the group is alive; True where /proc is missing."""
    if not Path("/proc/self/stat").exists():
        return True
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has just ended
            state, _, group_id = entry.read_text().rpartition(")")[2].split()[:3]
            if int(group_id) == group and state not in "ZX":
                return True
    return False


def kill_if_same(process_identity: str) -> bool:
    """Kill the group of the leader with this identity; False if the pid is now another process."""
    pid = int(process_identity.partition("@")[0])
    if identity(pid) != process_identity:
        return False
    return send(pid, signal.SIGKILL)


async def end(process: Process, grace: float) -> None:
    """SIGTERM to the group, SIGKILL after `grace` seconds."""
    send(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):  # killed below
        await asyncio.wait_for(process.wait(), grace)
    await kill_and_wait(process.pid)
