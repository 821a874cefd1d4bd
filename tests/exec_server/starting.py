"""Starts an exec server without operations: the stand-in, or the real one."""

import os
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from local.processes import Child, StartError, start

REAL = "DASHBOARD_EXEC_SERVER"
"""The path of the dashboard's program, to run the tests against it."""
STARTED = re.compile(r'"event": "exec_server_started"')


def start_exec_server(log: Path, token: str, env: Mapping[str, str], port: int = 0) -> Child:
    """Start one on this port, or on a free one; its `url` has the port.

    The program cannot choose a port itself; if another process takes the port first, try another.
    """
    for _ in range(5):
        chosen = port or _free_port()
        with suppress(StartError):
            return _start(log, {"EXEC_TOKEN": token, "EXEC_PORT": str(chosen), **env}, chosen)
    raise StartError(f"no exec server could be started; see {log}")


def _start(log: Path, env: Mapping[str, str], port: int) -> Child:
    real = os.environ.get(REAL)  # noqa: TID251  a test switch, not a setting of the app
    argv = [sys.executable, real] if real else [sys.executable, "-m", "tests.exec_server"]
    child = start("sidecar", argv, log, env, (STARTED,), cwd=Path(__file__).parents[2])
    ready = re.match(r"ready (\S+)", f"ready http://127.0.0.1:{port}")
    assert ready is not None
    child.ready_matches[0] = ready
    return child


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
