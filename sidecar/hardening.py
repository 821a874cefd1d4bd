"""Keeps the token from the commands, which run as the same user as this process."""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_DUMPABLE = 4
"""From <linux/prctl.h>."""


def make_undumpable() -> None:
    """Close this process's memory and environment to other processes of the same user.

    For such a process, Linux lets only root read /proc/<pid>/environ and mem, and refuses to
    trace it. A command is dumpable again after exec. Does nothing on other systems. Raises OSError.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")


def processes_exposing(secrets: list[str]) -> list[int]:
    """Pids of other processes with a readable environment that contains one of `secrets`.

    An init process that got the container's environment can be one. Empty without /proc.
    """
    encoded = [secret.encode() for secret in secrets]
    pids = []
    for pid in _other_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # the process has ended, or its environment is not readable
            continue
        if any(secret in environment for secret in encoded):
            pids.append(pid)
    return sorted(pids)


def _other_pids() -> list[int]:
    if not Path("/proc/self/environ").exists():
        return []
    own = os.getpid()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if pid != own]
