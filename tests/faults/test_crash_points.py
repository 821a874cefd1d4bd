"""The app is killed at each of its outside calls: the job has the same end, once."""

from collections.abc import Callable

import pytest

from shared.contracts.states import Phase
from tests.faults.conftest import CANCELLED_ONCE, COMPLETED_ONCE, World, hanging
from tests.faults.crashing import Client, Crash, Follower, When
from tests.faults.faults import Where

MOST_CALLS, MOST_CALLS_TO_CANCEL = 80, 40
"""Numbers that are tried; a test below sees to it that no job makes more calls."""

Said = Callable[[str, object], None]

SEARCH = [
    (When.AFTER, Where("table", "POST", "accepted")),
    (When.BEFORE, Where("durable", "POST", "orchestrators")),
    (When.AFTER, Where("sidecar", "PUT", "operations")),
    (When.AFTER, Where("table", "POST", "completed")),
]
CANCEL = [(When.AFTER, Where("cluster", "DELETE", "jobs"))]


def complete(world: World, crash: Crash, client: Client) -> str:
    """A search of one batch, with this crash in it, comes to its only right end."""
    key = world.new_key()
    job_id, follower = world.id_of(key), Follower(world, client)
    world.restart_host()  # so that what a process does once is among its calls
    with crash.armed():
        follower.asks(lambda: world.submit(key))
        if world.has_row(job_id):
            assert follower.follow(job_id) is Phase.COMPLETED
    if not world.has_row(job_id):
        assert client is Client.GIVES_UP
        world.assert_nothing_was_begun(job_id)
        return job_id
    world.assert_told_once(job_id, COMPLETED_ONCE, submissions=1)
    world.assert_results(job_id, batches=1)
    return job_id


def cancel(world: World, crash: Crash, client: Client = Client.RESENDS) -> None:
    """A running search is cancelled, with this crash in it, and leaves nothing."""
    job_id, follower = world.submit(world.trouble(hanging)), Follower(world, client)
    world.until(job_id, lambda job: bool(world.processes_of(job_id)) and job["phase"] == "running")
    with crash.armed():
        follower.asks(lambda: world.api.cancel(job_id))
        assert follower.follow(job_id) is Phase.CANCELLED
    world.assert_told_once(job_id, CANCELLED_ONCE, submissions=1)
    world.assert_nothing_is_left(job_id)


@pytest.mark.parametrize(("when", "where"), SEARCH, ids=str)
def test_failure_3_a_crash_changes_neither_the_end_nor_the_number_of_searches(
    world: World, when: When, where: Where
) -> None:
    crash = Crash(world, 1, when, where)
    complete(world, crash, Client.RESENDS)
    assert crash.killed.is_set()


def test_failure_13_a_search_that_was_kept_and_not_started_needs_no_second_request(
    world: World,
) -> None:
    crash = Crash(world, 1, When.BEFORE, Where("durable", "POST", "orchestrators"))
    complete(world, crash, Client.GIVES_UP)
    assert crash.killed.is_set()


@pytest.mark.parametrize(("when", "where"), CANCEL, ids=str)
def test_failure_33_a_crash_does_not_stop_a_cancel(world: World, when: When, where: Where) -> None:
    crash = Crash(world, 1, when, where)
    cancel(world, crash)
    assert crash.killed.is_set()


@pytest.mark.faults
def test_failure_20_a_crash_behind_the_end_leaves_the_list_as_it_should_be(world: World) -> None:
    crash = Crash(world, 1, When.AFTER, Where("table", "POST", "completed"))
    job_id = complete(world, crash, Client.RESENDS)
    assert world.listed(job_id)["phase"] == Phase.COMPLETED


@pytest.mark.faults
@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("nth", range(1, MOST_CALLS + 1))
def test_every_crash_of_a_search(
    world: World, nth: int, when: When, client: Client, record_property: Said
) -> None:
    crash = Crash(world, nth, when)
    try:
        complete(world, crash, client)
    finally:
        record_property("said", crash.said)


@pytest.mark.faults
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("nth", range(1, MOST_CALLS_TO_CANCEL + 1))
def test_every_crash_of_a_cancel(world: World, nth: int, when: When, record_property: Said) -> None:
    crash = Crash(world, nth, when)
    try:
        cancel(world, crash)
    finally:
        record_property("said", crash.said)


@pytest.mark.faults
@pytest.mark.parametrize(("act", "most"), [(complete, MOST_CALLS), (cancel, MOST_CALLS_TO_CANCEL)])
def test_no_call_is_behind_the_last_number(
    world: World,
    act: Callable[[World, Crash, Client], object],
    most: int,
    record_property: Said,
) -> None:
    crash = Crash(world, 1000)
    act(world, crash, Client.RESENDS)
    record_property("said", f"{act.__name__} makes {len(crash.calls)} calls")
    assert len(crash.calls) <= most
