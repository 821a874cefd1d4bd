"""Each row of the fault matrix, over the running stack."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from shared.contracts.states import Phase
from tests.faults.conftest import TINY, World
from tests.faults.crashing import Follower
from tests.faults.faults import How, Where
from tests.faults.matrix import COVERED_BY, MATRIX
from tests.faults.rows import SUBMIT, Row, refused, status

TESTS = Path(__file__).parents[1]
Said = Callable[[str, object], None]


def rows(quick: bool) -> list[ParameterSet]:
    return [pytest.param(row, id=str(row)) for row in MATRIX if row.quick == quick]


@pytest.mark.parametrize("row", rows(quick=True))
def test_a_failure_has_its_end(world: World, row: Row) -> None:
    suffers(world, row)


@pytest.mark.faults
@pytest.mark.parametrize("row", rows(quick=False))
def test_every_failure_has_its_end(world: World, row: Row, record_property: Said) -> None:
    record_property("said", str(row))
    suffers(world, row)


def suffers(world: World, row: Row) -> None:
    """One job meets what the row says, comes to the row's end, and nothing else."""
    key = world.new_key()
    job_id, follower = world.id_of(key), Follower(world)
    world.troubled(*(replace(trouble, key=job_id) for trouble in row.troubles))
    faults = [fault if row.wide else fault.of(job_id) for fault in row.faults]
    if row.begins_in:
        follower.asks(lambda: world.submit(key))
        world.until_in(job_id, row.begins_in)
    with world.faults(*faults) as found:
        for _ in range(1 + row.twice if not row.begins_in else 0):
            follower.asks(lambda: world.submit(key))
        if row.lifted_by:
            world.until_told(job_id, row.lifted_by)
        else:
            _act(world, row, job_id, follower)
    if row.lifted_by:
        _act(world, row, job_id, follower)
    assert all(one.met or one.fault.how is How.REFUSE for one in found), "no request met the fault"
    _judge(world, row, job_id)


def _act(world: World, row: Row, job_id: str, follower: Follower) -> None:
    """Do to the job what the row says, and follow it to its end."""
    if row.cancel_in:
        world.until_in(job_id, row.cancel_in)
        follower.asks(lambda: world.api.cancel(job_id))
    if row.cancel_after:
        world.until_told(job_id, row.cancel_after)
        follower.asks(lambda: world.api.cancel(job_id))
    if row.restart_in:
        world.until_in(job_id, row.restart_in)
        world.restart_host()
    follower.follow(job_id)


def _judge(world: World, row: Row, job_id: str) -> None:
    job, events = world.api.job(job_id), world.events(job_id)
    assert (job["phase"], job.get("error_code")) == (row.end, row.code), events
    assert [event for event in events if event in set(Phase) and Phase(event).is_end] == [row.end]
    assert events[0] == "accepted"
    assert events[-1] == row.end
    assert set(row.must) <= set(events)
    assert not set(row.must_not) & set(events)
    allowed = (0, 1) if row.submissions is None else (row.submissions,)
    assert world.submissions(job_id) in allowed
    assert world.listed(job_id)["phase"] == row.end, "the list says what the job says"
    if row.end is Phase.COMPLETED:
        world.assert_results(job_id, batches=1)
    if row.end is Phase.CANCELLED:
        world.assert_nothing_is_left(job_id)


GIVEN_UP = Row(
    6,
    "the sidecar answers 413, whatever is asked",
    Phase.SUBMIT_FAILED,
    "sidecar_413",
    faults=(refused(413, SUBMIT, None),),
    submissions=0,
)


NEVER = Where("cluster", "PATCH")
"""What the app asks of nobody."""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"faults": (*GIVEN_UP.faults, status(503, NEVER))}, "no request met"),
        ({"end": Phase.COMPLETED, "code": None}, "submit_failed"),
        ({"must": ("retry_scheduled",)}, "retry_scheduled"),
        ({"must_not": ("config_written",)}, "config_written"),
        ({"submissions": 1}, "assert 0"),
    ],
    ids=["fault", "end", "must", "must not", "submissions"],
)
def test_a_row_that_is_not_as_it_says_fails(
    world: World, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        suffers(world, replace(GIVEN_UP, **change))


def test_what_a_row_did_to_its_job_is_on_record(world: World) -> None:
    before = len(world.proxies.requests)
    suffers(world, GIVEN_UP)
    calls = [call for call in world.proxies.requests[before:] if call in SUBMIT]
    assert [world.proxies.statuses[call.number] for call in calls] == [413]


def test_every_failure_that_the_app_meets_is_covered() -> None:
    rows, others = {row.failure for row in MATRIX}, COVERED_BY.keys()
    assert rows | others >= set(range(1, 38))


def test_every_test_that_is_said_to_cover_a_failure_is_there() -> None:
    source = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    there = set(re.findall(r"^(?:async )?def (test_\w+)\(", source, re.M))
    assert {name for names in COVERED_BY.values() for name in names} <= there


def test_every_row_of_the_matrix_says_something_of_its_own() -> None:
    said = [str(row) for row in MATRIX]
    assert len(set(said)) == len(said)


def test_failure_22_no_secret_and_no_sequence_lies_where_it_does_not_belong(world: World) -> None:
    job_id = world.submit()
    world.ended(job_id)
    sequence = TINY["query_data"].splitlines()[1].encode()
    secrets = [path.read_bytes() for path in world.stack.folder.glob("*.token")]
    places = {path.name: path.read_bytes() for path in world.stack.folder.glob("durable.sqlite*")}
    places["log"] = (world.stack.folder / "logs" / "functions.log").read_bytes()
    places["rows"] = repr(world.rows(job_id)).encode()
    assert len(secrets) == 2
    assert job_id.encode() in places["log"]
    for place, found in places.items():
        for word in (sequence, *secrets):
            assert word not in found, f"{place} has a secret or a sequence"
