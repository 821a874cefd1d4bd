"""Cancelling a batch of searches: none is missed, and none is called cancelled that runs."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from shared.contracts.activities import Stage, StepResult
from shared.contracts.job import Job, PendingFailure, child_id
from shared.contracts.states import Phase, Status
from shared.errors import Unavailable
from tests.activities.batch.batch_fixture import Make, meanwhile
from tests.support.samples import NOON, job


async def test_failure_33_a_cancel_before_anything_was_made_makes_nothing(make: Make) -> None:
    batch = await make(3)
    await batch.ask_to_cancel()
    decision = await batch.say(Stage.START_CHILDREN)
    assert decision.next_stage is Stage.CLEAN_UP_CHILDREN
    assert await batch.until(Stage.START_CHILDREN, decision) == StepResult(Phase.CANCELLED, None)
    assert await batch.children() == []


async def test_failure_33_a_cancel_between_chunks_stops_those_that_are_created(make: Make) -> None:
    batch = await make(8, chunk=3)
    chunks = (await batch.step(Stage.START_CHILDREN)).fan_out
    assert len(chunks) == 3
    for chunk in chunks[:2]:
        await batch.create(chunk)
    await batch.ask_to_cancel()
    assert (await batch.create(chunks[2])).is_done, "a batch that is being stopped creates no more"
    assert len(await batch.children()) == 6
    assert (await batch.step(Stage.START_CHILDREN)).next_stage is Stage.CLEAN_UP_CHILDREN
    assert all(
        [(await batch.say(Stage.CLEAN_UP_CHILDREN)).phase is Phase.CANCELLING for _ in range(3)]
    )
    assert {child.cancel_requested_at for child in await batch.children()} == {NOON}


async def test_failure_33_a_cancel_that_comes_in_the_middle_of_a_chunk_is_not_missed(
    make: Make,
) -> None:
    batch = await make(2)
    with meanwhile(batch, 2, batch.ask_to_cancel):
        assert (await batch.say(Stage.START_CHILDREN)).next_stage is Stage.CLEAN_UP_CHILDREN
    assert [child.cancel_requested_at for child in await batch.children()] == [NOON, NOON]
    started = {child.job_id for child in await batch.children()}
    assert set(batch.durable.started) == started, "who never began cannot end"


async def test_failure_33_a_chunk_that_outlived_its_batch_is_stopped_too(make: Make) -> None:
    """A step whose host was taken for dead makes its searches after the batch has ended."""
    batch = await make(2)
    with meanwhile(batch, 1, lambda: batch.end_parent(Phase.CANCELLED)):
        assert await batch.say(Stage.START_CHILDREN) == StepResult(Phase.CANCELLED, None)
    assert [child.cancel_requested_at for child in await batch.children()] == [NOON, NOON]


async def power_loss_before_list_row(child: Job) -> None:
    raise KeyError("power loss")


async def no_answer(child: Job) -> None:
    raise Unavailable("storage_unavailable", "Tables did not answer")


@pytest.mark.parametrize("fault", [power_loss_before_list_row, no_answer])
async def test_failure_34_a_search_without_a_list_row_is_cancelled_with_its_batch(
    make: Make, fault: Callable[[Job], Awaitable[None]]
) -> None:
    """Its job row was written, its list row was not, and the cancel came before the next try."""
    batch = await make(1)
    (chunk,) = (await batch.step(Stage.START_CHILDREN)).fan_out
    with pytest.MonkeyPatch.context() as patch, suppress(KeyError):
        patch.setattr(batch.batch.context.jobs.index, "upsert_list_row", fault)
        await batch.create(chunk)
    assert await batch.children() == []
    await batch.ask_to_cancel()
    assert (await batch.create(chunk)).is_done
    result = await batch.step(Stage.START_CHILDREN)
    for _ in range(4):
        result = await batch.say(Stage.CLEAN_UP_CHILDREN)
    assert result.phase is Phase.CANCELLING
    assert (await batch.child(1)).cancel_requested_at == NOON
    await batch.end(1, Phase.CANCELLED)
    assert await batch.say(Stage.CLEAN_UP_CHILDREN) == StepResult(Phase.CANCELLED, None)


async def test_an_active_row_without_a_job_does_not_delay_the_end_of_a_batch(make: Make) -> None:
    """The process died between the active row of a search and its job row."""
    batch = await make(1)
    child = job(1, parent_job_id=batch.parent_id, child_number=1)
    await batch.batch.context.jobs.index.mark_active(child, is_ahead=True)
    await batch.ask_to_cancel()
    result = await batch.until(Stage.START_CHILDREN, await batch.say(Stage.START_CHILDREN))
    assert result == StepResult(Phase.CANCELLED, None)


async def test_failure_34_a_batch_is_cancelled_only_when_all_its_searches_are(make: Make) -> None:
    batch = await make(2)
    await batch.say(Stage.START_CHILDREN)
    await batch.ask_to_cancel()
    await batch.until(Stage.CLEAN_UP_CHILDREN, await batch.say(Stage.WATCH_CHILDREN))
    for _ in range(3):
        assert (await batch.say(Stage.CLEAN_UP_CHILDREN)).next_stage is Stage.CLEAN_UP_CHILDREN
    assert (await batch.parent()).reason == "waiting for 2 of 2 searches to be stopped"
    await batch.end(1, Phase.CANCELLED)
    assert (await batch.say(Stage.CLEAN_UP_CHILDREN)).next_stage is Stage.CLEAN_UP_CHILDREN
    await batch.end(2, Phase.CANCELLED)
    assert await batch.say(Stage.CLEAN_UP_CHILDREN) == StepResult(Phase.CANCELLED, None)
    assert (await batch.events())[-3:] == ["cancelling", "cleanup_pending", "cancelled"]


async def test_failure_33_a_cancel_asks_each_search_once_and_wakes_it(make: Make) -> None:
    batch = await make(3)
    await batch.say(Stage.START_CHILDREN)
    await batch.batch.context.jobs.update(
        child_id(batch.parent_id, 1), "submitted", phase=Phase.SUBMITTED
    )
    await batch.end(3, Phase.COMPLETED)
    await batch.ask_to_cancel()
    for _ in range(4):
        await batch.say(Stage.CLEAN_UP_CHILDREN)
    asked = [child.cancel_requested_at is not None for child in await batch.children()]
    assert asked == [True, True, False]
    events = await batch.batch.context.jobs.events(child_id(batch.parent_id, 1))
    assert [event.event for event in events].count("cancel_requested") == 1
    assert batch.durable.woken[child_id(batch.parent_id, 1)] == 1


async def test_failure_33_a_search_that_never_began_is_started_so_that_it_can_end(
    make: Make,
) -> None:
    """The batch died after it had asked the search to cancel, and before it could start it."""
    batch = await make(1)
    await batch.say(Stage.START_CHILDREN)
    batch.durable.started.clear()
    await batch.ask_to_cancel()
    batch.durable.refuse = child_id(batch.parent_id, 1)
    for _ in range(2):
        await batch.say(Stage.CLEAN_UP_CHILDREN)
    assert ((await batch.child(1)).cancel_requested_at, batch.durable.started.total()) == (
        NOON,
        0,
    )
    await batch.say(Stage.CLEAN_UP_CHILDREN)
    assert batch.durable.started.total() == 1


async def test_a_cancel_that_comes_after_all_searches_have_ended_changes_nothing(
    make: Make,
) -> None:
    batch = await make(2)
    await batch.say(Stage.START_CHILDREN)
    for number in (1, 2):
        await batch.end(number, Phase.COMPLETED)
    await batch.ask_to_cancel()
    assert await batch.until(
        Stage.START_CHILDREN, await batch.say(Stage.WATCH_CHILDREN)
    ) == StepResult(Phase.COMPLETED, None)


async def test_a_batch_with_a_pending_failure_ends_with_it(make: Make) -> None:
    verdict = PendingFailure(Phase.SEARCH_FAILED, "activity_crashed", "KeyError: 'x'", NOON)
    batch = await make(1, phase=Phase.CANCELLING, pending_failure=verdict)
    assert (await batch.say(Stage.CLEAN_UP_CHILDREN)).phase is Phase.SEARCH_FAILED
    assert ((await batch.parent()).error_code, (await batch.parent()).error) == (
        "activity_crashed",
        "KeyError: 'x'",
    )


async def test_a_batch_past_its_deadline_stops_its_searches(make: Make) -> None:
    batch = await make(1, deadline_at=NOON)
    decision = await batch.say(Stage.START_CHILDREN)
    assert decision.next_stage is Stage.CLEAN_UP_CHILDREN
    assert (await batch.until(Stage.START_CHILDREN, decision)).phase is Phase.TIMED_OUT


async def test_a_stale_list_row_does_not_delay_the_end_of_a_batch(make: Make) -> None:
    """The process died between the row of a search and its row in the list."""
    batch = await make(1)
    await batch.say(Stage.START_CHILDREN)
    await batch.ask_to_cancel()
    await batch.say(Stage.CLEAN_UP_CHILDREN)

    async def interrupted(job: Job, settled: bool, before: Job | None) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch.batch.context.jobs.index, "sync", interrupted)
        await batch.end(1, Phase.CANCELLED)
    assert (await batch.children())[0].phase is Phase.QUEUED
    assert (
        await batch.until(Stage.START_CHILDREN, await batch.say(Stage.CLEAN_UP_CHILDREN))
    ).phase is Phase.CANCELLED


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_failure_35_there_is_no_limit_at_a_thousand_searches(make: Make) -> None:
    batch = await make(1200)
    await batch.until(Stage.WATCH_CHILDREN)
    assert await batch.batch.context.jobs.index.count_by_status(batch.parent_id) == {
        Status.QUEUED: 1200
    }
    assert len(batch.durable.started) == 1200
    await batch.ask_to_cancel()
    decision = await batch.say(Stage.WATCH_CHILDREN)
    while not decision.delay:
        decision = await batch.say(Stage.CLEAN_UP_CHILDREN)
    assert all(child.cancel_requested_at for child in await batch.children())
    assert len(batch.durable.woken) == 1200
