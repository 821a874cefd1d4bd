"""`kill -9` at any moment loses no acknowledged request and duplicates no history event."""

import json
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.local.functions_host.program import (
    INSTANCES,
    Launch,
    Reports,
    ask,
    begin,
    ended,
    until,
)


def events(folder: Path, instance: str) -> list[dict[str, int]]:
    """The history stored on disk."""
    with sqlite3.connect(f"file:{folder / 'state.sqlite'}?mode=ro", uri=True) as db:
        query = "SELECT event FROM history WHERE instance = ? ORDER BY number"
        return [json.loads(text) for (text,) in db.execute(query, (instance,))]


def assert_complete(folder: Path, instance: str) -> None:
    """Assert that each task was scheduled and completed once, and each episode is whole."""
    history = events(folder, instance)
    kinds = Counter(event["EventType"] for event in history)
    scheduled = [e["EventId"] for e in history if e["EventType"] in (4, 10)]
    ends = [e for e in history if e["EventType"] in (5, 11)]
    completed = [e["TaskScheduledId"] if "TaskScheduledId" in e else e["TimerId"] for e in ends]
    assert scheduled == list(range(9))
    assert sorted(completed) == list(range(9))
    assert kinds[0] == kinds[1] == 1
    assert kinds[12] == kinds[13]


def test_an_acknowledged_start_survives_a_kill(tmp_path: Path, launch: Launch) -> None:
    child = launch()
    begin(child, "chain", "one")
    child.kill()
    child = launch()
    assert ended(child, "one")["output"] == 28
    child.stop()
    assert_complete(tmp_path, "one")


@pytest.mark.acceptance
def test_an_acknowledged_event_survives_a_kill(launch: Launch) -> None:
    child = launch()
    begin(child, "waits", "one")
    status, _ = ask(f"{child.url}/{INSTANCES}/one/raiseEvent/news", "POST", {"a": 1})
    assert status == 202
    child.kill()
    child = launch()
    assert ended(child, "one")["output"] == {"a": 1}
    child.stop()


@pytest.mark.acceptance
def test_an_interrupted_activity_runs_again_and_completes_once(
    tmp_path: Path, reports: Reports, launch: Launch
) -> None:
    reports.hold = lambda report: report == "work/one-2"
    child = launch()
    begin(child, "chain", "one")
    while reports.next() != "work/one-2":
        pass
    child.kill()
    reports.release()
    child = launch()
    assert ended(child, "one")["output"] == 28
    child.stop()
    assert reports.all.count("work/one-2") == 2
    assert reports.all.count("work/one-1") == 1
    assert_complete(tmp_path, "one")


@pytest.mark.acceptance
def test_a_timer_that_became_due_during_downtime_fires(tmp_path: Path, launch: Launch) -> None:
    child = launch()
    begin(child, "sleeps", "one")
    until(lambda: [e for e in events(tmp_path, "one") if e["EventType"] == 10] != [])
    child.kill()
    assert [e for e in events(tmp_path, "one") if e["EventType"] == 11] == []
    child = launch()
    assert ended(child, "one")["output"] == "awake"
    child.stop()


@pytest.mark.acceptance
def test_after_repeated_kills_every_orchestration_has_a_complete_history(
    tmp_path: Path, reports: Reports, launch: Launch
) -> None:
    rng = random.Random(42)
    names = [f"job-{number}" for number in range(12)]
    child = launch()
    for name in names:
        begin(child, "chain", name)
    for _ in range(6):
        for _ in range(rng.randrange(1, 14)):
            reports.next()
        child.kill()
        child = launch()
    statuses = {name: ended(child, name) for name in names}
    child.stop()
    assert {status["output"] for status in statuses.values()} == {28}
    assert {status["runtimeStatus"] for status in statuses.values()} == {"Completed"}
    for name in names:
        assert_complete(tmp_path, name)
