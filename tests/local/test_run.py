"""`make run` and `make demo`, as a person meets them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from local.processes import start

PROJECT = Path(__file__).parents[2]
UP = re.compile(r"^Up, until Ctrl-C\. The API is at (http://\S+)/api")


def processes_below(folder: Path) -> list[str]:
    """The command lines of processes that were started for this folder, or stand in it."""
    mark, found = str(folder).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has just ended
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if mark in told and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_text())
    return found


def test_run_shows_a_search_stays_up_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    argv = [sys.executable, "-m", "local", "run", "--port", "0", "--folder", str(folder)]
    running = start("run", argv, tmp_path / "log", ready=(UP,), cwd=PROJECT, timeout=90)
    try:
        text = (tmp_path / "log").read_text()
        assert "They equal those of one blastn by hand" in text
        assert "From POST to completed" in text
        assert f"Look at it with a browser: {running.url}/api/ui\n" in text
        assert processes_below(folder)
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(30) == 0
    finally:
        running.kill()
    assert processes_below(folder) == []


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "local", "run", "--port", str(port)]
        ended = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is in use. Name another one: make run PORT={port + 1}\n"


def test_a_tool_that_is_missing_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    argv = [str(PROJECT / "local" / "need.sh"), "blastn", "ncbi-blast+"]
    # Without apt-get on the PATH there is nothing that it may install with.
    ended = subprocess.run(
        argv, capture_output=True, text=True, env={"PATH": str(tmp_path)}, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stdout == (
        "blastn is needed and is not installed. "
        "On Debian and Ubuntu: sudo apt-get install -y ncbi-blast+\n"
    )


def test_without_node_make_says_so(tmp_path: Path) -> None:
    for tool in ("sh", "make"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    argv = ["make", f"STATE={tmp_path}/state", f"{tmp_path}/state/node/.ready"]
    ended = subprocess.run(
        argv, capture_output=True, text=True, env={"PATH": str(tmp_path)}, cwd=PROJECT, timeout=30
    )
    assert ended.returncode != 0
    assert ended.stdout == "Node 20 or newer with npm is needed: see https://nodejs.org\n"
