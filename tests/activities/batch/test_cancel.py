"""Cancelling a batch of searches: none is missed, and none is called cancelled that runs."""

import pytest

from shared.contracts.activities import Stage, StepResult
from shared.contracts.job import PendingFailure, child_id
from shared.contracts.states import Phase, Status
from tests.activities.batch.batch_fixture import Make, meanwhile
from tests.support.samples import NOON


def test_failure_33_a_cancel_before_anything_was_made_makes_nothing(make: Make) -> None:
    one = make(3)
    one.ask_to_cancel()
    decision = one.say(Stage.START_CHILDREN)
    assert decision.next_stage is Stage.CLEAN_UP_CHILDREN
    assert one.until(Stage.START_CHILDREN, decision) == StepResult(Phase.CANCELLED, None)
    assert one.children() == []


def test_failure_33_a_cancel_between_chunks_stops_those_that_are_created(make: Make) -> None:
    one = make(8, chunk=3)
    chunks = one.step(Stage.START_CHILDREN).fan_out
    assert len(chunks) == 3
    for chunk in chunks[:2]:
        one.create(chunk)
    one.ask_to_cancel()
    assert one.create(chunks[2]).is_done, "a batch that is being stopped creates no more"
    assert len(one.children()) == 6
    assert one.step(Stage.START_CHILDREN).next_stage is Stage.CLEAN_UP_CHILDREN
    assert all(one.say(Stage.CLEAN_UP_CHILDREN).phase is Phase.CANCELLING for _ in range(3))
    assert {child.cancel_requested_at for child in one.children()} == {NOON}


def test_failure_33_a_cancel_that_comes_in_the_middle_of_a_chunk_is_not_missed(make: Make) -> None:
    one = make(2)
    with meanwhile(one, 2, one.ask_to_cancel):
        assert one.say(Stage.START_CHILDREN).next_stage is Stage.CLEAN_UP_CHILDREN
    assert [child.cancel_requested_at for child in one.children()] == [NOON, NOON]
    started = {child.job_id for child in one.children()}
    assert set(one.durable.started) == started, "who never began cannot end"


def test_failure_33_a_chunk_that_outlived_its_batch_is_stopped_too(make: Make) -> None:
    """A step whose host was taken for dead makes its searches after the batch has ended."""
    one = make(2)
    with meanwhile(one, 1, lambda: one.end_parent(Phase.CANCELLED)):
        assert one.say(Stage.START_CHILDREN) == StepResult(Phase.CANCELLED, None)
    assert [child.cancel_requested_at for child in one.children()] == [NOON, NOON]


def test_failure_34_a_batch_is_cancelled_only_when_all_its_searches_are(make: Make) -> None:
    one = make(2)
    one.say(Stage.START_CHILDREN)
    one.ask_to_cancel()
    one.until(Stage.CLEAN_UP_CHILDREN, one.say(Stage.WATCH_CHILDREN))
    for _ in range(3):
        assert one.say(Stage.CLEAN_UP_CHILDREN).next_stage is Stage.CLEAN_UP_CHILDREN
    assert one.parent.reason == "waiting for 2 of 2 searches to be stopped"
    one.end(1, Phase.CANCELLED)
    assert one.say(Stage.CLEAN_UP_CHILDREN).next_stage is Stage.CLEAN_UP_CHILDREN
    one.end(2, Phase.CANCELLED)
    assert one.say(Stage.CLEAN_UP_CHILDREN) == StepResult(Phase.CANCELLED, None)
    assert one.events()[-3:] == ["cancelling", "cleanup_pending", "cancelled"]


def test_failure_33_a_cancel_asks_each_search_once_and_wakes_it(make: Make) -> None:
    one = make(3)
    one.say(Stage.START_CHILDREN)
    one.batch.context.jobs.update(child_id(one.parent_id, 1), "submitted", phase=Phase.SUBMITTED)
    one.end(3, Phase.COMPLETED)
    one.ask_to_cancel()
    for _ in range(4):
        one.say(Stage.CLEAN_UP_CHILDREN)
    asked = [child.cancel_requested_at is not None for child in one.children()]
    assert asked == [True, True, False]
    events = one.batch.context.jobs.events(child_id(one.parent_id, 1))
    assert [event.event for event in events].count("cancel_requested") == 1
    assert one.durable.woken[child_id(one.parent_id, 1)] == 1


def test_failure_33_a_search_that_never_began_is_started_so_that_it_can_end(make: Make) -> None:
    """The batch died after it had asked the search to cancel, and before it could start it."""
    one = make(1)
    one.say(Stage.START_CHILDREN)
    one.durable.started.clear()
    one.ask_to_cancel()
    one.durable.refuse = child_id(one.parent_id, 1)
    for _ in range(2):
        one.say(Stage.CLEAN_UP_CHILDREN)
    assert (one.child(1).cancel_requested_at, one.durable.started.total()) == (NOON, 0)
    one.say(Stage.CLEAN_UP_CHILDREN)
    assert one.durable.started.total() == 1


def test_a_cancel_that_comes_after_all_searches_have_ended_changes_nothing(make: Make) -> None:
    one = make(2)
    one.say(Stage.START_CHILDREN)
    for number in (1, 2):
        one.end(number, Phase.COMPLETED)
    one.ask_to_cancel()
    assert one.until(Stage.START_CHILDREN, one.say(Stage.WATCH_CHILDREN)) == StepResult(
        Phase.COMPLETED, None
    )


def test_a_batch_that_was_given_up_ends_with_its_verdict(make: Make) -> None:
    verdict = PendingFailure(Phase.SEARCH_FAILED, "activity_crashed", "KeyError: 'x'", NOON)
    one = make(1, phase=Phase.CANCELLING, pending_failure=verdict)
    assert one.say(Stage.CLEAN_UP_CHILDREN).phase is Phase.SEARCH_FAILED
    assert (one.parent.error_code, one.parent.error) == ("activity_crashed", "KeyError: 'x'")


def test_a_batch_past_its_deadline_stops_its_searches(make: Make) -> None:
    one = make(1, deadline_at=NOON)
    decision = one.say(Stage.START_CHILDREN)
    assert decision.next_stage is Stage.CLEAN_UP_CHILDREN
    assert one.until(Stage.START_CHILDREN, decision).phase is Phase.TIMED_OUT


def test_a_search_whose_row_in_the_list_lags_is_not_waited_for_in_vain(make: Make) -> None:
    """The process died between the row of a search and its row in the list."""
    one = make(1)
    one.say(Stage.START_CHILDREN)
    one.ask_to_cancel()
    one.say(Stage.CLEAN_UP_CHILDREN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.batch.context.jobs.index, "sync", lambda job, settled, before: None)
        one.end(1, Phase.CANCELLED)
    assert one.children()[0].phase is Phase.QUEUED
    assert (
        one.until(Stage.START_CHILDREN, one.say(Stage.CLEAN_UP_CHILDREN)).phase is Phase.CANCELLED
    )


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_failure_35_there_is_no_limit_at_a_thousand_searches(make: Make) -> None:
    one = make(1200)
    one.until(Stage.WATCH_CHILDREN)
    assert one.batch.context.jobs.index.count_by_status(one.parent_id) == {Status.QUEUED: 1200}
    assert len(one.durable.started) == 1200
    one.ask_to_cancel()
    decision = one.say(Stage.WATCH_CHILDREN)
    while not decision.delay:
        decision = one.say(Stage.CLEAN_UP_CHILDREN)
    assert all(child.cancel_requested_at for child in one.children())
    assert len(one.durable.woken) == 1200
