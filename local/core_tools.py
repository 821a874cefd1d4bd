"""Azure Functions Core Tools (`func`) in place of the local functions host.

They run the package that is deployed, in Azure's own host and worker, with its extension of Durable
Functions over Azurite.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.package import copy_package
from local.processes import Child, StartError, start

OLDEST = (4, 14, 0)
"""The first version that listens on 127.0.0.1 alone (source: its release notes, #5484). The local
mode has no authentication."""
INSTALL = "npm install --global azure-functions-core-tools@4 --unsafe-perm true"
LOADED = re.compile(r"\bhealth: .*?(http://[\w.]+:\d+)/api/health(?![\w/])")
"""How `func` lists a function once the app is loaded (source: DisplayFunctionsInfoUtilities.cs)."""
START_TIMEOUT = 600.0
"""Seconds. The first start downloads the extension bundle of host.json."""


def find_func() -> str:
    """The path of `func`. Raises StartError if it is missing or too old."""
    func = shutil.which("func")
    if func is None:
        raise StartError(
            "HOST=func needs Azure Functions Core Tools, and `func` is not on PATH. Install them:"
            f" {INSTALL}\nor leave HOST=func out: the local functions host runs the same app."
        )
    ended = subprocess.run([func, "--version"], capture_output=True, text=True, timeout=60)
    version = re.search(r"^(\d+)\.(\d+)\.(\d+)", ended.stdout, re.MULTILINE)
    if version is None or tuple(map(int, version.groups())) < OLDEST:
        found = version[0] if version else f"of no version (exit code {ended.returncode})"
        raise StartError(
            f"{func} is {found}. HOST=func needs {'.'.join(map(str, OLDEST))} or newer, which"
            f" listens on this machine only. Update it: {INSTALL}"
        )
    return func


def start_func(folder: Path, port: int, log: Path, settings: Mapping[str, str]) -> Child:
    """Start `func` with the package, which is copied below `folder`. Raises StartError."""
    argv = [find_func(), "start", "--port", str(port or _free_port()), "--address", "127.0.0.1"]
    package = copy_package(folder / "package")
    python = Path(sys.prefix)
    environment = {
        **settings,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "1",
        # The worker runs in the first python3 on PATH, which must have the app's packages.
        "VIRTUAL_ENV": str(python),
        "PATH": f"{python / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    return start("functions", argv, log, environment, (LOADED,), START_TIMEOUT, package)


def _free_port() -> int:
    """`func` cannot take one by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
