"""Keeps the token from the commands: they run as the same user as this process."""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_DUMPABLE = 4
"""From <linux/prctl.h>."""


def make_undumpable() -> None:
    """Close this process's memory and environment to other processes of the same user.

    Linux gives /proc/<pid>/environ, mem and the like of such a process to root, and refuses to
    trace it. A command gets the normal state back when its program starts. Raises OSError.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")


def processes_that_show(secrets: list[str]) -> list[int]:
    """The other processes whose environment a command could read, with a secret in it.

    An init process that got the container's environment is one. Empty where there is no /proc.
    """
    wanted = [secret.encode() for secret in secrets]
    found = []
    for pid in _other_pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # it has ended, or it is closed, as it should be
            continue
        if any(secret in environment for secret in wanted):
            found.append(pid)
    return sorted(found)


def _other_pids() -> list[int]:
    if not Path("/proc/self/environ").exists():
        return []
    own = os.getpid()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if pid != own]
