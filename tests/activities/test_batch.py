"""A batch of searches: all of them are made, counted and stopped, however often it dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities.batch import CHUNK, Batch
from activities.steps import Desk
from local.azurite import Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.contracts.job import Counts, Job, Verdict, child_id
from shared.contracts.states import Phase, Status
from shared.contracts.steps import Report, Verb
from shared.errors import Conflict, Unavailable
from shared.jobs import JobStateRepository
from shared.storage_urls import QUERIES, Account
from tests.activities.family import FASTA, Family, family
from tests.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.samples import NOON, job, settings

Make = Callable[..., Family]


@pytest.fixture(scope="module")
def blobs(azurite: Azurite) -> Blobs:
    opened = open_blobs(Account("stgelb"), azurite.connection_string, None)
    opened.ensure(QUERIES)
    return opened


@pytest.fixture
def make(jobs: JobStateRepository, clock: Clock, blobs: Blobs) -> Make:  # noqa: F811
    desk = Desk(jobs, settings(), clock)

    def made(size: int, chunk: int = CHUNK, **changes: Any) -> Family:
        return family(lambda durable: Batch(desk, blobs, durable, chunk), blobs, size, **changes)

    return made


@contextmanager
def meanwhile(one: Family, number: int, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen just before the row of the child of that number is written."""
    create = one.batch.desk.jobs.create

    def interrupted(child: Job, payload: Any) -> Job:
        if child.child_number == number:
            happens()
        return create(child, payload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.batch.desk.jobs, "create", interrupted)
        yield


def power_loss() -> None:
    raise KeyError("power loss")


def test_every_search_becomes_a_job_of_its_own(make: Make, blobs: Blobs, clock: Clock) -> None:  # noqa: F811
    one = make(3, submission_source="queue", correlation_id="caller-9", notify=True)
    clock.move(3600)
    report = one.say(Verb.FAN_OUT)
    assert (report.phase, report.next) == (Phase.RUNNING, Verb.GATHER)
    children = one.children()
    assert [child.child_number for child in children] == [1, 2, 3]
    assert [child.search.title for child in children] == ["search 1", "search 2", "search 3"]
    assert set(one.durable.started) == {child.job_id for child in children}
    first, parent = children[0], one.parent
    assert (first.parent_job_id, first.owner) == (parent.job_id, parent.owner)
    assert (first.submission_source, first.correlation_id) == ("queue", "caller-9")
    assert not first.notify
    assert first.deadline_at == NOON + timedelta(hours=1 + 48), "its time begins when it is made"
    assert blobs.get(first.search.query_url) == FASTA.encode()
    assert parent.started_at == clock()
    assert one.batch.desk.jobs.index.page(parent.owner.oid, 9).jobs == (parent_in_list(one),)


def parent_in_list(one: Family) -> Any:
    return replace(one.parent, report=None)


def test_searches_are_made_in_chunks(make: Make) -> None:
    one = make(12, chunk=11)
    report = one.say(Verb.FAN_OUT)
    assert (report.phase, report.next) == (Phase.SUBMITTING, Verb.FAN_OUT)
    assert report.postcard == {"made": 11, "expected": 12}
    assert len(one.children()) == 11
    assert one.say(Verb.FAN_OUT).next is Verb.GATHER
    assert len(one.children()) == 12
    assert one.parent.counts == Counts(expected=12, active=12)
    assert set(one.durable.started.values()) == {1}


@pytest.mark.parametrize("at", [1, 4])
def test_failure_14_a_crash_in_mid_chunk_makes_no_search_twice_and_none_never(
    make: Make, at: int
) -> None:
    one = make(4)
    one.durable.refuse = child_id(one.parent_id, at)
    report = one.say(Verb.FAN_OUT)
    assert (report.next, one.parent.counts.active) == (Verb.FAN_OUT, 0)
    made = one.children()
    assert one.say(Verb.FAN_OUT).next is Verb.GATHER
    assert one.children() == made, "those that were there are what they were"
    assert set(one.durable.started) == {child.job_id for child in made}


def test_a_chunk_that_died_halfway_through_its_rows_is_finished(make: Make) -> None:
    one = make(3)
    with meanwhile(one, 2, power_loss), pytest.raises(KeyError):
        one.say(Verb.FAN_OUT)
    assert one.durable.started.total() == 0
    assert one.say(Verb.FAN_OUT).next is Verb.GATHER
    assert [child.child_number for child in one.children()] == [1, 2, 3]


def test_a_batch_is_completed_once_all_its_searches_are(make: Make) -> None:
    one = make(2)
    one.say(Verb.FAN_OUT)
    one.end(1, Phase.COMPLETED)
    assert one.say(Verb.GATHER).next is Verb.GATHER
    assert one.parent.counts == Counts(expected=2, succeeded=1, active=1)
    one.end(2, Phase.COMPLETED)
    assert one.say(Verb.GATHER).next is Verb.GATHER
    assert one.say(Verb.GATHER) == Report(Phase.COMPLETED, None)
    assert one.parent.counts == Counts(expected=2, succeeded=2)
    assert one.events() == ["accepted", "running", "progress", "exporting_results", "completed"]


def test_failure_14_a_search_that_fails_leaves_the_others_alone(make: Make) -> None:
    one = make(3)
    one.say(Verb.FAN_OUT)
    one.end(2, Phase.DATABASE_UNAVAILABLE)
    assert one.say(Verb.GATHER).next is Verb.GATHER
    assert one.durable.woken.total() == 0
    one.end(1, Phase.COMPLETED)
    one.end(3, Phase.COMPLETED)
    assert one.say(Verb.GATHER).next is None
    parent = one.parent
    assert (parent.phase, parent.error_code) == (Phase.SEARCH_FAILED, "children_failed")
    assert parent.error == "1 of 3 searches failed"
    assert parent.counts == Counts(expected=3, succeeded=2, failed=1)


def test_a_search_that_a_person_cancelled_is_not_called_completed(make: Make) -> None:
    one = make(3)
    one.say(Verb.FAN_OUT)
    for number, end in enumerate((Phase.COMPLETED, Phase.CANCELLED, Phase.TIMED_OUT), start=1):
        one.end(number, end)
    assert one.say(Verb.GATHER).next is None
    assert one.parent.error == "1 of 3 searches failed, 1 was cancelled"


def test_a_look_without_news_writes_nothing(make: Make, clock: Clock) -> None:  # noqa: F811
    one = make(2)
    one.say(Verb.FAN_OUT)
    before = one.events()
    clock.move(3600)
    assert one.say(Verb.GATHER).wait == timedelta(seconds=60), "the pace of an old search"
    assert one.events() == before


def test_failure_33_a_cancel_before_anything_was_made_makes_nothing(make: Make) -> None:
    one = make(3)
    one.ask_to_cancel()
    report = one.say(Verb.FAN_OUT)
    assert report.next is Verb.STOP_CHILDREN
    assert one.until(Verb.FAN_OUT, report) == Report(Phase.CANCELLED, None)
    assert one.children() == []


def test_failure_33_a_cancel_while_searches_are_made_stops_those_that_are(make: Make) -> None:
    one = make(8, chunk=3)
    assert [one.say(Verb.FAN_OUT).next for _ in range(2)] == [Verb.FAN_OUT] * 2
    one.ask_to_cancel()
    report = one.say(Verb.FAN_OUT)
    assert (report.next, len(one.children())) == (Verb.STOP_CHILDREN, 6)
    assert all(one.say(Verb.STOP_CHILDREN).phase is Phase.CANCELLING for _ in range(3))
    assert {child.cancel_requested_at for child in one.children()} == {NOON}


def test_failure_33_a_cancel_that_comes_in_the_middle_of_a_chunk_is_not_missed(make: Make) -> None:
    one = make(2)
    with meanwhile(one, 2, one.ask_to_cancel):
        assert one.say(Verb.FAN_OUT).next is Verb.STOP_CHILDREN
    assert [child.cancel_requested_at for child in one.children()] == [NOON, NOON]
    started = {child.job_id for child in one.children()}
    assert set(one.durable.started) == started, "who never began cannot end"


def test_failure_33_a_chunk_that_outlived_its_batch_is_stopped_too(make: Make) -> None:
    """A step whose host was taken for dead makes its searches after the batch has ended."""
    one = make(2)
    with meanwhile(one, 1, lambda: one.end_parent(Phase.CANCELLED)):
        assert one.say(Verb.FAN_OUT) == Report(Phase.CANCELLED, None)
    assert [child.cancel_requested_at for child in one.children()] == [NOON, NOON]


def test_failure_34_a_batch_is_cancelled_only_when_all_its_searches_are(make: Make) -> None:
    one = make(2)
    one.say(Verb.FAN_OUT)
    one.ask_to_cancel()
    one.until(Verb.STOP_CHILDREN, one.say(Verb.GATHER))
    for _ in range(3):
        assert one.say(Verb.STOP_CHILDREN).next is Verb.STOP_CHILDREN
    assert one.parent.reason == "waiting for 2 of 2 searches to be stopped"
    one.end(1, Phase.CANCELLED)
    assert one.say(Verb.STOP_CHILDREN).next is Verb.STOP_CHILDREN
    one.end(2, Phase.CANCELLED)
    assert one.say(Verb.STOP_CHILDREN) == Report(Phase.CANCELLED, None)
    assert one.events()[-3:] == ["cancelling", "still_there", "cancelled"]


def test_failure_33_a_cancel_asks_each_search_once_and_wakes_it(make: Make) -> None:
    one = make(3)
    one.say(Verb.FAN_OUT)
    one.batch.desk.jobs.update(child_id(one.parent_id, 1), "submitted", phase=Phase.SUBMITTED)
    one.end(3, Phase.COMPLETED)
    one.ask_to_cancel()
    for _ in range(4):
        one.say(Verb.STOP_CHILDREN)
    asked = [child.cancel_requested_at is not None for child in one.children()]
    assert asked == [True, True, False]
    events = one.batch.desk.jobs.events(child_id(one.parent_id, 1))
    assert [event.event for event in events].count("cancel_requested") == 1
    assert one.durable.woken[child_id(one.parent_id, 1)] == 1
    assert one.durable.started[child_id(one.parent_id, 2)] > 1, "until it is seen to have begun"


def test_a_cancel_that_comes_after_all_searches_have_ended_changes_nothing(make: Make) -> None:
    one = make(2)
    one.say(Verb.FAN_OUT)
    for number in (1, 2):
        one.end(number, Phase.COMPLETED)
    one.ask_to_cancel()
    assert one.until(Verb.FAN_OUT, one.say(Verb.GATHER)) == Report(Phase.COMPLETED, None)


def test_a_batch_that_was_given_up_ends_with_its_verdict(make: Make) -> None:
    verdict = Verdict(Phase.SEARCH_FAILED, "crashed", "KeyError: 'x'")
    one = make(1, phase=Phase.CANCELLING, verdict=verdict)
    assert one.say(Verb.STOP_CHILDREN).phase is Phase.SEARCH_FAILED
    assert (one.parent.error_code, one.parent.error) == ("crashed", "KeyError: 'x'")


def test_a_batch_past_its_deadline_stops_its_searches(make: Make) -> None:
    one = make(1, deadline_at=NOON)
    report = one.say(Verb.FAN_OUT)
    assert report.next is Verb.STOP_CHILDREN
    assert one.until(Verb.FAN_OUT, report).phase is Phase.TIMED_OUT


def test_a_search_whose_row_in_the_list_lags_is_not_waited_for_in_vain(make: Make) -> None:
    """The process died between the row of a search and its row in the list."""
    one = make(1)
    one.say(Verb.FAN_OUT)
    one.ask_to_cancel()
    one.say(Verb.STOP_CHILDREN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.batch.desk.jobs.index, "follow", lambda job, settled: None)
        one.end(1, Phase.CANCELLED)
    assert one.children()[0].phase is Phase.QUEUED
    assert one.until(Verb.FAN_OUT, one.say(Verb.STOP_CHILDREN)).phase is Phase.CANCELLED


def test_a_store_that_is_away_lets_a_batch_wait(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make(1)

    def away(parent_id: str) -> Any:
        raise Unavailable("storage_unavailable", "away")

    one.say(Verb.FAN_OUT)
    monkeypatch.setattr(one.batch.desk.jobs.index, "tally", away)
    assert one.say(Verb.GATHER).next is Verb.GATHER


def test_a_batch_cannot_be_retried_as_if_it_were_a_search(make: Make) -> None:
    one = make(1, phase=Phase.SEARCH_FAILED)
    with pytest.raises(Conflict, match="retry its searches"):
        one.batch.desk.jobs.begin_again(one.parent_id, 2, timedelta(hours=48))


def test_no_two_searches_of_a_batch_share_what_kubernetes_names_carry() -> None:
    parent = job(16**8 - 5).job_id
    ids = [child_id(parent, number) for number in range(1, 10_001)]
    assert len({job_id[-8:] for job_id in ids}) == 10_000
    assert {len(job_id) for job_id in ids} == {len("job-") + 32}
    assert parent[-8:] not in {job_id[-8:] for job_id in ids}


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_failure_35_there_is_no_limit_at_a_thousand_searches(make: Make) -> None:
    one = make(1200)
    one.until(Verb.GATHER)
    assert one.batch.desk.jobs.index.tally(one.parent_id) == {Status.QUEUED: 1200}
    assert len(one.durable.started) == 1200
    one.ask_to_cancel()
    report = one.say(Verb.GATHER)
    while not report.wait:
        report = one.say(Verb.STOP_CHILDREN)
    assert all(child.cancel_requested_at for child in one.children())
    assert len(one.durable.woken) == 1200
