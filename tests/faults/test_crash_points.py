"""The app is killed at each of its external calls: the job has the same end, once."""

from collections.abc import Callable

import pytest

from shared.contracts.states import Phase
from tests.faults.conftest import CANCELLED_ONCE, COMPLETED_ONCE, ProxiedStack, hanging
from tests.faults.crashes import ClientBehaviour, Crash, RetryingClient, When
from tests.faults.faults import RequestFilter

pytestmark = pytest.mark.acceptance

MAX_SEARCH_CALLS, MAX_CANCEL_CALLS = 80, 40
"""The tested call numbers; a test below checks that no job makes more calls."""

RecordProperty = Callable[[str, object], None]

SEARCH = [
    (When.AFTER, RequestFilter("table", "POST", "accepted")),
    (When.BEFORE, RequestFilter("durable", "POST", "orchestrators")),
    (When.AFTER, RequestFilter("sidecar", "PUT", "operations")),
    (When.AFTER, RequestFilter("table", "POST", "completed")),
]
CANCEL = [(When.AFTER, RequestFilter("cluster", "DELETE", "jobs"))]
DELETION = [
    (When.AFTER, RequestFilter("table", "POST", "delete_requested")),
    (When.AFTER, RequestFilter("cluster", "DELETE", "jobs")),
    (When.AFTER, RequestFilter("table", "POST", "cancelled")),
    (When.BEFORE, RequestFilter("table", "POST", "deleted")),
]


def complete(system: ProxiedStack, crash: Crash, client: ClientBehaviour) -> str:
    """Run a search of one batch with this crash, and assert its only correct end."""
    key = system.new_key()
    job_id, retrying_client = system.id_of(key), RetryingClient(system, client)
    system.restart_host()  # so that a process's one-time calls are included
    with crash.armed():
        retrying_client.send(lambda: system.submit(key))
        if system.has_row(job_id):
            assert retrying_client.follow(job_id) is Phase.COMPLETED
    if not system.has_row(job_id):
        assert client is ClientBehaviour.GIVES_UP
        system.assert_nothing_started(job_id)
        return job_id
    system.assert_events_once(job_id, COMPLETED_ONCE, submissions=1)
    system.assert_results(job_id, batches=1)
    return job_id


def running_search(system: ProxiedStack) -> str:
    """A search whose Job runs until it is deleted."""
    job_id = system.submit(system.add_fault(hanging))
    system.until(
        job_id, lambda job: bool(system.processes_of(job_id)) and job["exact_phase"] == "running"
    )
    return job_id


def cancel(
    system: ProxiedStack, crash: Crash, client: ClientBehaviour = ClientBehaviour.RESENDS
) -> None:
    """Cancel a running search with this crash, and assert that nothing is left."""
    job_id, retrying_client = running_search(system), RetryingClient(system, client)
    with crash.armed():
        retrying_client.send(lambda: system.api.cancel(job_id))
        assert retrying_client.follow(job_id) is Phase.CANCELLED
    system.assert_events_once(job_id, CANCELLED_ONCE, submissions=1)
    system.assert_nothing_is_left(job_id)


def delete(
    system: ProxiedStack, crash: Crash, client: ClientBehaviour = ClientBehaviour.RESENDS
) -> None:
    """Delete a running search with this crash, and assert that it is deleted after its proof."""
    job_id, retrying_client = running_search(system), RetryingClient(system, client)
    with crash.armed():
        retrying_client.send(lambda: system.api.delete(job_id))
        assert retrying_client.follow(job_id) is Phase.DELETED
    names = [row["event"] for row in system.rows(job_id) if "event" in row]
    once = ("submitted", "delete_requested", "cancelled", "deleted")
    assert [names.count(name) for name in once] == [1] * len(once), names
    assert names[-2:] == ["cancelled", "deleted"]
    system.assert_nothing_is_left(job_id)


@pytest.mark.parametrize(("when", "where"), SEARCH, ids=str)
def test_failure_3_a_crash_changes_neither_the_end_nor_the_number_of_submissions(
    system: ProxiedStack, when: When, where: RequestFilter
) -> None:
    crash = Crash(system, 1, when, where)
    complete(system, crash, ClientBehaviour.RESENDS)
    assert crash.killed.is_set()


def test_failure_13_a_stored_search_is_started_without_a_second_request(
    system: ProxiedStack,
) -> None:
    crash = Crash(system, 1, When.BEFORE, RequestFilter("durable", "POST", "orchestrators"))
    complete(system, crash, ClientBehaviour.GIVES_UP)
    assert crash.killed.is_set()


@pytest.mark.parametrize(("when", "where"), CANCEL, ids=str)
def test_failure_33_a_crash_does_not_stop_a_cancel(
    system: ProxiedStack, when: When, where: RequestFilter
) -> None:
    crash = Crash(system, 1, when, where)
    cancel(system, crash)
    assert crash.killed.is_set()


@pytest.mark.parametrize(("when", "where"), DELETION, ids=str)
def test_failure_33_a_crash_does_not_stop_a_deletion(
    system: ProxiedStack, when: When, where: RequestFilter
) -> None:
    crash = Crash(system, 1, when, where)
    delete(system, crash)
    assert crash.killed.is_set()


@pytest.mark.faults
def test_failure_20_the_list_is_correct_after_a_crash_at_the_end(system: ProxiedStack) -> None:
    crash = Crash(system, 1, When.AFTER, RequestFilter("table", "POST", "completed"))
    job_id = complete(system, crash, ClientBehaviour.RESENDS)
    assert system.listed(job_id)["exact_phase"] == Phase.COMPLETED


@pytest.mark.faults
@pytest.mark.parametrize("client", ClientBehaviour)
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("nth", range(1, MAX_SEARCH_CALLS + 1))
def test_every_crash_of_a_search(
    system: ProxiedStack,
    nth: int,
    when: When,
    client: ClientBehaviour,
    record_property: RecordProperty,
) -> None:
    crash = Crash(system, nth, when)
    try:
        complete(system, crash, client)
    finally:
        record_property("summary", crash.summary)


@pytest.mark.faults
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("nth", range(1, MAX_CANCEL_CALLS + 1))
@pytest.mark.parametrize("scenario", [cancel, delete])
def test_every_crash_of_a_cancel_and_of_a_deletion(
    system: ProxiedStack,
    scenario: Callable[[ProxiedStack, Crash], object],
    nth: int,
    when: When,
    record_property: RecordProperty,
) -> None:
    crash = Crash(system, nth, when)
    try:
        scenario(system, crash)
    finally:
        record_property("summary", crash.summary)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("scenario", "max_calls"),
    [(complete, MAX_SEARCH_CALLS), (cancel, MAX_CANCEL_CALLS), (delete, MAX_CANCEL_CALLS)],
)
def test_no_job_makes_more_calls_than_are_tested(
    system: ProxiedStack,
    scenario: Callable[[ProxiedStack, Crash, ClientBehaviour], object],
    max_calls: int,
    record_property: RecordProperty,
) -> None:
    crash = Crash(system, 1000)
    scenario(system, crash, ClientBehaviour.RESENDS)
    record_property("summary", f"{scenario.__name__} makes {len(crash.calls)} calls")
    assert len(crash.calls) <= max_calls
