"""State and processes after the sidecar has ended or was killed."""

import asyncio
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.exec_request import ExecCommand
from sidecar.orphans import _parse_ps, end_orphans
from sidecar.records import OperationRecord, Records
from tests.sidecar.sidecar_fixture import (
    CommandPipe,
    Sidecar,
    command,
    is_gone,
    operations_on,
    until,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SAY = ExecCommand(("elastic-blast", "say"), stdin=None, cwd=None, timeout=60)


@pytest.mark.acceptance
def test_a_result_survives_a_restart(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar()
    body = command("complain", "no such database", "2")
    sidecar.request("PUT", "/operations/ended", body)
    before = sidecar.request("GET", "/operations/ended?wait=20").body
    sidecar.child.kill()
    sidecar.restart()
    assert before["state"] == "done"
    assert sidecar.request("GET", "/operations/ended").body == before
    again = sidecar.request("PUT", "/operations/ended", body)
    assert (again.status, again.body) == (200, before)
    assert sidecar.request("PUT", "/operations/ended", command("say", "hi")).status == 409


@pytest.mark.acceptance
@pytest.mark.parametrize("way", ["family", "deaf", "hidden"])
def test_after_a_crash_running_operations_are_interrupted_and_killed(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe, way: str
) -> None:
    sidecar = own_sidecar()
    body = command(way, pipe.path)
    started = sidecar.request("PUT", "/operations/ran", body).body
    pipe.wait_started()
    sidecar.child.kill()
    sidecar.restart()
    assert pipe.wait_closed() == ""
    view = sidecar.request("GET", "/operations/ran?wait=20").body
    assert view == {**started, "state": "interrupted", "finished_at": None, "result": None}
    again = sidecar.request("PUT", "/operations/ran", body)
    assert (again.status, again.body) == (200, view)
    assert sidecar.request("DELETE", "/operations/ran").body == view
    assert not (sidecar.state / "work").exists()


def test_after_a_crash_a_command_of_exec_is_killed(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(sidecar.run, "deaf", pipe.path)
        pipe.wait_started()
        sidecar.child.kill()
        assert isinstance(response.exception(), ConnectionError)
    sidecar.restart()
    assert pipe.wait_closed() == ""


def test_after_a_crash_other_processes_are_not_killed(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path
) -> None:
    sidecar = own_sidecar()
    homes = [sidecar.folder, sidecar.state, sidecar.state / "workshop", tmp_path]
    other_processes = [
        _sleeper({"HOME": str(home), "OTHER": f"{sidecar.state}/work/a"}) for home in homes
    ]
    try:
        sidecar.child.kill()
        sidecar.restart()
        assert [process.poll() for process in other_processes] == [None] * len(homes)
    finally:
        for process in other_processes:
            process.kill()
            process.wait()


@pytest.mark.acceptance
@pytest.mark.parametrize("way", ["family", "deaf"])
def test_sigterm_ends_the_commands_too(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe, way: str
) -> None:
    sidecar = own_sidecar()
    sidecar.request("PUT", "/operations/ran", command(way, pipe.path))
    pipe.wait_started()
    sidecar.child.process.terminate()
    assert sidecar.child.process.wait(20) == 0
    assert pipe.wait_closed() == ""
    sidecar.restart()
    assert sidecar.request("GET", "/operations/ran").body["state"] == "interrupted"


@pytest.mark.acceptance
def test_a_command_that_ended_before_shutdown_keeps_its_result(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe, tmp_path: Path
) -> None:
    """A background process still holds its output, so the sidecar is still reading it."""
    sidecar, leader = own_sidecar(), CommandPipe(tmp_path, "leader")
    sidecar.request("PUT", "/operations/ended", command("leave", pipe.path, leader.path))
    pipe.wait_started()
    leader.wait_started()
    pid = int(leader.wait_closed())
    until(lambda: is_gone(pid))
    sidecar.child.process.terminate()
    assert sidecar.child.process.wait(20) == 0
    sidecar.restart()
    view = sidecar.request("GET", "/operations/ended").body
    assert (view["state"], view["result"]["exit_code"]) == ("done", 0)
    assert pipe.wait_closed() == ""


def test_a_waiting_client_is_answered_at_shutdown(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    sidecar.request("PUT", "/operations/ran", command("hold", pipe.path))
    pipe.wait_started()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sidecar.request, "GET", "/operations/ran?wait=25")
        sidecar.request("GET", "/operations/ran?wait=0.1")
        sidecar.child.process.terminate()
        assert waiting.result().body["state"] == "interrupted"
    assert sidecar.child.process.wait(20) == 0


async def test_a_crash_between_record_and_start_is_an_interrupted_operation(
    tmp_path: Path,
) -> None:
    operations = operations_on(tmp_path, lambda: START)
    Records(tmp_path / "operations").save(OperationRecord("a", SAY.digest, START))
    view = await operations.put("a", SAY)
    assert (view["state"], view["result"]) == ("interrupted", None)


async def test_an_operation_is_purged_a_day_after_its_end(tmp_path: Path) -> None:
    records = Records(tmp_path / "operations")
    records.open()
    day = timedelta(hours=24)
    records.save(OperationRecord("interrupted", SAY.digest, START))
    ended = OperationRecord("ended", SAY.digest, START)
    records.save(ended)
    records.finish(ended, START + timedelta(hours=1), {"exit_code": 0})
    for elapsed, left in (
        (day, {"interrupted", "ended"}),
        (day + timedelta(seconds=1), {"ended"}),
        (day + timedelta(hours=1), {"ended"}),
        (day + timedelta(hours=1, seconds=1), set()),
    ):
        now = START + elapsed
        operations = operations_on(tmp_path, lambda now=now: now)  # type: ignore[misc]
        await operations.purge(day)
        assert {path.stem for path in (tmp_path / "operations").glob("*.*")} == left


async def test_a_running_operation_is_not_purged(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    gate = CommandPipe(tmp_path)
    (tools / "elastic-blast").write_text(f"#!/bin/sh\ncat {gate.path}\n")
    (tools / "elastic-blast").chmod(0o755)
    now = START
    operations = operations_on(tmp_path, lambda: now, tools)
    await operations.put("held", SAY)
    now += timedelta(days=3)
    await operations.purge(timedelta(hours=24))
    await asyncio.to_thread(Path(gate.path).write_text, "let go")
    view = await operations.look("held", wait=20)
    assert view and view["state"] == "done" and view["result"]["stdout"] == "let go"


def test_without_orphans_nothing_is_killed(tmp_path: Path) -> None:
    assert end_orphans(tmp_path / "work") == 0


def test_a_process_is_found_in_the_output_of_ps() -> None:
    """As macOS prints it: number, command line, environment."""
    listing = (
        b"  123 sleep 600 PATH=/bin HOME=/state/runs/ab12/home TMPDIR=/state/runs/ab12/tmp\n"
        b" 1234 grep HOME=/state/runs-of-another/x HOME=/home/me\n"
        b"    7 sleep 1 OLDHOME=/state/runs/ab12/home\n"
    )
    assert _parse_ps(b"HOME=/state/runs/", listing) == {123}


def _sleeper(env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", **env})
