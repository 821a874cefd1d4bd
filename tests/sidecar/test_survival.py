"""What is left when the sidecar ends, in good order or not."""

import asyncio
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.command import Command
from sidecar.orphans import _parse_ps, end_orphans
from sidecar.records import OperationRecord, Records
from tests.sidecar.sidecar_fixture import Life, Sidecar, command, is_gone, operations_on, until

START = datetime(2026, 1, 1, tzinfo=UTC)
SAY = Command(("elastic-blast", "say"), stdin=None, cwd=None, timeout=60)


def test_a_result_survives_a_restart(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar()
    asked = command("complain", "no such database", "2")
    sidecar.ask("PUT", "/operations/ended", asked)
    before = sidecar.ask("GET", "/operations/ended?wait=20").body
    sidecar.child.kill()
    sidecar.restart()
    assert before["state"] == "done"
    assert sidecar.ask("GET", "/operations/ended").body == before
    again = sidecar.ask("PUT", "/operations/ended", asked)
    assert (again.status, again.body) == (200, before)
    assert sidecar.ask("PUT", "/operations/ended", command("say", "hi")).status == 409


@pytest.mark.parametrize("way", ["family", "deaf", "hidden"])
def test_after_a_crash_what_ran_is_interrupted_and_runs_no_more(
    own_sidecar: Callable[..., Sidecar], life: Life, way: str
) -> None:
    sidecar = own_sidecar()
    asked = command(way, life.path)
    begun = sidecar.ask("PUT", "/operations/ran", asked).body
    life.begin()
    sidecar.child.kill()
    sidecar.restart()
    assert life.end() == ""
    seen = sidecar.ask("GET", "/operations/ran?wait=20").body
    assert seen == {**begun, "state": "interrupted", "finished_at": None, "result": None}
    again = sidecar.ask("PUT", "/operations/ran", asked)
    assert (again.status, again.body) == (200, seen)
    assert sidecar.ask("DELETE", "/operations/ran").body == seen
    assert not (sidecar.state / "work").exists()


def test_after_a_crash_a_command_of_exec_runs_no_more(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sidecar.run, "deaf", life.path)
        life.begin()
        sidecar.child.kill()
        assert isinstance(answer.exception(), ConnectionError)
    sidecar.restart()
    assert life.end() == ""


def test_after_a_crash_no_stranger_is_harmed(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path
) -> None:
    sidecar = own_sidecar()
    homes = [sidecar.folder, sidecar.state, sidecar.state / "workshop", tmp_path]
    strangers = [
        _sleeper({"HOME": str(home), "OTHER": f"{sidecar.state}/work/a"}) for home in homes
    ]
    try:
        sidecar.child.kill()
        sidecar.restart()
        assert [stranger.poll() for stranger in strangers] == [None] * len(homes)
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


@pytest.mark.parametrize("way", ["family", "deaf"])
def test_a_sidecar_that_is_told_to_end_ends_its_commands(
    own_sidecar: Callable[..., Sidecar], life: Life, way: str
) -> None:
    sidecar = own_sidecar()
    sidecar.ask("PUT", "/operations/ran", command(way, life.path))
    life.begin()
    sidecar.child.process.terminate()
    assert sidecar.child.process.wait(20) == 0
    assert life.end() == ""
    sidecar.restart()
    assert sidecar.ask("GET", "/operations/ran").body["state"] == "interrupted"


def test_what_had_ended_by_itself_keeps_its_result_though_the_sidecar_ends(
    own_sidecar: Callable[..., Sidecar], life: Life, tmp_path: Path
) -> None:
    """The process that it left behind holds its output, so the sidecar is not done with it."""
    sidecar, leader = own_sidecar(), Life(tmp_path, "leader")
    sidecar.ask("PUT", "/operations/ended", command("leave", life.path, leader.path))
    life.begin()
    leader.begin()
    pid = int(leader.end())
    until(lambda: is_gone(pid))
    sidecar.child.process.terminate()
    assert sidecar.child.process.wait(20) == 0
    sidecar.restart()
    seen = sidecar.ask("GET", "/operations/ended").body
    assert (seen["state"], seen["result"]["exit_code"]) == ("done", 0)
    assert life.end() == ""


def test_who_waits_hears_that_the_sidecar_ends(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar()
    sidecar.ask("PUT", "/operations/ran", command("hold", life.path))
    life.begin()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sidecar.ask, "GET", "/operations/ran?wait=25")
        sidecar.ask("GET", "/operations/ran?wait=0.1")
        sidecar.child.process.terminate()
        assert waiting.result().body["state"] == "interrupted"
    assert sidecar.child.process.wait(20) == 0


async def test_a_crash_between_record_and_start_is_an_interrupted_operation(
    tmp_path: Path,
) -> None:
    operations = operations_on(tmp_path, lambda: START)
    Records(tmp_path / "operations").save(OperationRecord("a", SAY.digest, START))
    seen = await operations.put("a", SAY)
    assert (seen["state"], seen["result"]) == ("interrupted", None)


async def test_an_operation_is_forgotten_a_day_after_its_end(tmp_path: Path) -> None:
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


async def test_what_runs_is_not_forgotten_however_old(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    gate = Life(tmp_path)
    (tools / "elastic-blast").write_text(f"#!/bin/sh\ncat {gate.path}\n")
    (tools / "elastic-blast").chmod(0o755)
    now = START
    operations = operations_on(tmp_path, lambda: now, tools)
    await operations.put("held", SAY)
    now += timedelta(days=3)
    await operations.purge(timedelta(hours=24))
    await asyncio.to_thread(Path(gate.path).write_text, "let go")
    seen = await operations.look("held", wait=20)
    assert seen and seen["state"] == "done" and seen["result"]["stdout"] == "let go"


def test_no_process_is_ended_where_none_is_left(tmp_path: Path) -> None:
    assert end_orphans(tmp_path / "work") == 0


def test_a_process_is_recognised_in_a_listing_of_ps() -> None:
    """As macOS prints it: number, command line, environment."""
    listing = (
        b"  123 sleep 600 PATH=/bin HOME=/state/work/ab12/home TMPDIR=/state/work/ab12/tmp\n"
        b" 1234 grep HOME=/state/workshop/x HOME=/home/me\n"
        b"    7 sleep 1 OLDHOME=/state/work/ab12/home\n"
    )
    assert _parse_ps(b"HOME=/state/work/", listing) == {123}


def _sleeper(env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", **env})
