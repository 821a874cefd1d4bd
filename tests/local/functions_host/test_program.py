"""The host as a program: start, end, and error messages."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.local.functions_host.program import (
    APP,
    INSTANCES,
    PROJECT,
    Launch,
    Reports,
    ask,
    begin,
    ended,
    until,
)


def start_failure(tmp_path: Path, reports: Reports, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a host that does not start."""
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(APP), *arguments]
    env = {**os.environ, "COUNTING_URL": reports.url}  # noqa: TID251  of the child, not ours
    done = subprocess.run(
        argv, env=env, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.acceptance
def test_two_hosts_never_share_a_state_file(
    tmp_path: Path, reports: Reports, launch: Launch
) -> None:
    child = launch()
    code, text = start_failure(
        tmp_path, reports, "--port", "0", "--state", str(tmp_path / "state.sqlite")
    )
    child.stop()
    assert code == 1
    assert text == f"another host uses {tmp_path / 'state.sqlite'}\n"


@pytest.mark.acceptance
def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path, reports: Reports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, text = start_failure(
            tmp_path, reports, "--port", port, "--state", str(tmp_path / "s")
        )
    assert code == 1
    assert text.startswith(f"port {port} is in use")
    assert text.count("\n") == 1


def test_a_missing_app_is_reported_in_one_line(tmp_path: Path, reports: Reports) -> None:
    code, text = start_failure(tmp_path, reports, "--app", str(tmp_path))
    assert code == 1
    assert text.count("\n") == 1
    assert "host.json" in text


def test_the_host_lists_its_functions_and_prints_ready(tmp_path: Path, launch: Launch) -> None:
    child = launch()
    url = child.url
    child.stop()
    lines = (tmp_path / "host.log").read_text().splitlines()
    assert lines[-1] == f"ready {url}"
    names = ["hang", "work", "chain", "waits", "sleeps"]
    assert [line.split(":")[0].strip() for line in lines[:-1]] == names
    assert f"{url}/api/hang" in lines[0]


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_host_ends_on_a_signal_while_a_function_hangs(
    tmp_path: Path, reports: Reports, number: signal.Signals, launch: Launch
) -> None:
    reports.hold = lambda report: report.startswith("work")
    child = launch()
    begin(child, "chain", "one")
    while not reports.next().startswith("work"):
        pass
    child.process.send_signal(number)
    assert child.process.wait(10) == 0
    assert "Traceback" not in (tmp_path / "host.log").read_text()


@pytest.mark.acceptance
def test_a_function_that_exceeds_the_timeout_restarts_the_host_without_loss(
    tmp_path: Path, reports: Reports, launch: Launch
) -> None:
    reports.hold = lambda report: report == "hang"
    child = launch()
    begin(child, "waits", "one")
    with pytest.raises((urllib.error.URLError, OSError)):
        ask(f"{child.url}/api/hang")
    while reports.next() != "imported" or reports.all.count("imported") < 2:
        pass
    log = tmp_path / "host.log"
    until(lambda: log.read_text().count("ready http") == 2)
    assert ask(f"{child.url}/{INSTANCES}/one/raiseEvent/news", "POST", 5)[0] == 202
    assert ended(child, "one")["output"] == 5
    child.stop()
    assert "hang exceeded functionTimeout: the host restarts" in log.read_text()


def test_a_host_that_cannot_store_its_state_logs_and_exits(tmp_path: Path, launch: Launch) -> None:
    child = launch()
    begin(child, "waits", "one")
    with contextlib.closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        db.execute("DROP TABLE activities")
    with contextlib.suppress(urllib.error.URLError, OSError):  # it may end before it answers
        ask(f"{child.url}/{INSTANCES}/one/raiseEvent/news", "POST", 1)
    assert child.process.wait(10) == 1
    until(lambda: "Engine failed" in (tmp_path / "host.log").read_text())
