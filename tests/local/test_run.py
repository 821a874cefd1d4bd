"""`python -m local run` and the checks of the Makefile."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.processes import start
from local.stack import chosen_settings

PROJECT = Path(__file__).parents[2]
API = re.compile(r"^API: (http://\S+)/api;")


def processes_below(folder: Path) -> list[str]:
    """Command lines of the processes that mention this folder in arguments or environment."""
    mark, command_lines = str(folder).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has just ended
            details = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if mark in details and int(entry.name) != os.getpid():
                command_lines.append((entry / "cmdline").read_text())
    return command_lines


def test_the_settings_of_the_local_run_can_be_replaced_and_no_others() -> None:
    environment = {"BLAST_MAX_ACTIVE_JOBS": "100", "BLAST_STORAGE_ACCOUNT": "another"}
    assert chosen_settings(environment) == {"BLAST_MAX_ACTIVE_JOBS": "100"}


@pytest.mark.acceptance
def test_run_shows_a_search_keeps_serving_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    argv = [sys.executable, "-m", "local", "run", "--port", "0", "--folder", str(folder)]
    running = start("run", argv, tmp_path / "log", ready=(API,), cwd=PROJECT, timeout=90)
    try:
        text = (tmp_path / "log").read_text()
        assert "rows equal those of one plain blastn run" in text
        assert "From POST to completed" in text
        assert re.search(
            rf"^Result files: {running.url}/api/blast/jobs/job-\w+/results$", text, re.M
        )
        assert f"User interface: {running.url}/api/ui\n" in text
        assert processes_below(folder)
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(30) == 0
    finally:
        running.kill()
    assert processes_below(folder) == []


@pytest.mark.acceptance
def test_the_demo_keeps_its_hits_in_a_file_and_prints_no_address_of_its_stopped_server() -> None:
    argv = [sys.executable, "-m", "local", "demo"]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "http://" not in ended.stdout
    rows = re.search(r"^All (\d+) rows equal those", ended.stdout, re.M)
    path = re.search(r"^All hits: (\S+)$", ended.stdout, re.M)
    assert rows and path
    assert len((PROJECT / path[1]).read_text().splitlines()) == int(rows[1])


def test_a_port_in_use_is_reported_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "local", "run", "--port", str(port)]
        ended = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, timeout=30)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is in use. Name another one: make run PORT={port + 1}\n"


def test_a_missing_tool_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    argv = [str(PROJECT / "local" / "need.sh"), "blastn", "ncbi-blast+"]
    # No apt-get on PATH, so that it cannot install the tool.
    ended = subprocess.run(
        argv, capture_output=True, text=True, env={"PATH": str(tmp_path)}, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stdout == (
        "blastn is needed and is not installed. "
        "On Debian and Ubuntu: sudo apt-get install -y ncbi-blast+\n"
    )


def test_make_reports_missing_node(tmp_path: Path) -> None:
    for tool in ("sh", "make"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    argv = ["make", f"STATE={tmp_path}/state", f"{tmp_path}/state/node/.ready"]
    ended = subprocess.run(
        argv, capture_output=True, text=True, env={"PATH": str(tmp_path)}, cwd=PROJECT, timeout=30
    )
    assert ended.returncode != 0
    assert ended.stdout == "Node 20 or newer with npm is needed: see https://nodejs.org\n"
