"""The step runner around every activity, on a real job store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities.context import ActivityContext
from activities.crash import AFTER_CRASH, CrashRecorder
from blast_orchestrator.workflow import CLEAN_UP_STAGE, is_clean_up
from shared.contracts.activities import ActivityInput, Category, Decision, Stage, StepResult
from shared.contracts.job import Job, PendingFailure
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository, StepRecord
from tests.shared.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.support.samples import job, publish_nothing, settings

SECOND = timedelta(seconds=1)
DONE = Outcome(
    OutcomeKind.DONE, Phase.SUBMITTING, 3 * SECOND, facts={"done": 1}, event="config_written"
)
WORKING = [stage for stage in Stage if not is_clean_up(stage)]


@pytest.fixture
def context(jobs: JobStateRepository, clock: Clock) -> ActivityContext:  # noqa: F811
    return ActivityContext(jobs, settings(), clock, publish_nothing)


async def never(found: Job, input_: ActivityInput) -> Outcome:
    raise AssertionError("this step must not be taken")


def reports(outcome: Outcome) -> Any:
    """An activity with this outcome."""

    async def report(job: Job, input_: ActivityInput) -> Outcome:
        return outcome

    return report


def try_again(category: Category = Category.TRANSIENT, **more: Any) -> Outcome:
    return Outcome(
        OutcomeKind.RETRY, Phase.RETRYING, category=category, code="busy", message="no", **more
    )


async def at_step(context: ActivityContext, step: int, stage: Stage, following: Stage) -> Job:
    """A job whose row has recorded this step."""
    stored = await context.jobs.create(job(), {})
    record = StepRecord(step, stage, Decision(following, 5 * SECOND))
    return await context.jobs.update(stored.job_id, "submitting", step=record, phase=Phase.RETRYING)


async def test_a_step_that_runs_again_returns_the_stored_decision(context: ActivityContext) -> None:
    stored = await context.jobs.create(job(), {})
    steps = []

    async def work(found: Job, input_: ActivityInput) -> Outcome:
        steps.append(input_.step)
        return DONE

    results = [
        await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 1), work)
        for _ in range(3)
    ]
    first = StepResult(Phase.SUBMITTING, Stage.SUBMIT, 2, 3 * SECOND)
    assert results == [replace(first, custom_status={"done": 1}), first, first]
    assert steps == [1]
    assert len(await context.jobs.events(stored.job_id)) == 2
    row = await context.jobs.get(stored.job_id)
    recorded = (row.stage, row.step, row.decision)
    assert recorded == (Stage.PREPARE, 1, Decision(Stage.SUBMIT, 3 * SECOND))


async def test_an_outcome_without_news_changes_no_row(context: ActivityContext) -> None:
    stored = await at_step(context, 4, Stage.SUBMIT, Stage.WATCH)
    quiet = Outcome(OutcomeKind.PENDING, Phase.RUNNING, 2 * SECOND)
    result = await context.run_step(Stage.WATCH, ActivityInput(stored.job_id, 9), reports(quiet))
    assert result == StepResult(Phase.RUNNING, Stage.WATCH, 10, 2 * SECOND)
    assert await context.jobs.get(stored.job_id) == stored


@pytest.mark.parametrize("stage", [Stage.SUBMIT, Stage.WATCH])
async def test_a_restarted_orchestration_goes_on_from_a_row_that_a_late_activity_has_advanced(
    context: ActivityContext, stage: Stage
) -> None:
    """The lost orchestration's activity wrote step 7, while the new one began at step 4."""
    stored = await at_step(context, 7, Stage.SUBMIT, Stage.WATCH)
    result = await context.run_step(stage, ActivityInput(stored.job_id, 4), never)
    assert (result.next_stage, result.next_step) == (Stage.WATCH, 8)


async def test_the_same_number_of_another_stage_is_not_the_same_step(
    context: ActivityContext,
) -> None:
    stored = await at_step(context, 7, Stage.SUBMIT, Stage.WATCH)
    result = await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 7), never)
    assert (result.next_stage, result.next_step) == (Stage.WATCH, 8)


async def test_a_late_activity_of_a_lost_orchestration_changes_nothing(
    context: ActivityContext,
) -> None:
    """It is behind the row: its stage is over, although its number is new."""
    stored = await at_step(context, 3, Stage.SUBMIT, Stage.WATCH)
    result = await context.run_step(Stage.SUBMIT, ActivityInput(stored.job_id, 9), never)
    assert (result.next_stage, result.next_step) == (Stage.WATCH, 4)
    assert await context.jobs.get(stored.job_id) == stored


async def test_two_runs_of_one_step_at_once_follow_what_was_recorded_first(
    context: ActivityContext,
) -> None:
    stored = await context.jobs.create(job(), {})
    input_ = ActivityInput(stored.job_id, 1)

    async def overtaken(found: Job, input_: ActivityInput) -> Outcome:
        await context.run_step(Stage.PREPARE, input_, reports(DONE))
        return replace(DONE, kind=OutcomeKind.PENDING, phase=Phase.RETRYING)

    result = await context.run_step(Stage.PREPARE, input_, overtaken)
    assert (result.phase, result.next_stage) == (Phase.SUBMITTING, Stage.SUBMIT)
    assert len(await context.jobs.events(stored.job_id)) == 2


async def test_a_job_that_has_ended_takes_no_step(context: ActivityContext) -> None:
    stored = await context.jobs.create(job(phase=Phase.COMPLETED), {})
    result = await context.run_step(Stage.WATCH, ActivityInput(stored.job_id, 9), never)
    assert result == StepResult(Phase.COMPLETED, None)


@pytest.mark.parametrize("stage", WORKING)
async def test_a_requested_cancel_comes_before_every_step(
    context: ActivityContext, stage: Stage
) -> None:
    stored = await context.jobs.create(job(), {})
    await context.jobs.request_cancel(stored.job_id)
    result = await context.run_step(stage, ActivityInput(stored.job_id, 1), never)
    assert result.next_stage is CLEAN_UP_STAGE[stage]


async def test_failure_31_a_job_past_its_deadline_is_cleaned_up(
    context: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    stored = await context.jobs.create(job(), {})
    clock.move(48 * 3600)
    result = await context.run_step(Stage.WATCH, ActivityInput(stored.job_id, 1), never)
    assert result.next_stage is Stage.CLEAN_UP


async def test_a_store_that_does_not_answer_lets_the_step_be_taken_again(
    context: ActivityContext,
) -> None:
    stored = await context.jobs.create(job(), {})

    async def work(found: Job, input_: ActivityInput) -> Outcome:
        raise Unavailable("storage_unavailable", "away")

    result = await context.run_step(Stage.COLLECT, ActivityInput(stored.job_id, 1), work)
    assert (result.next_stage, result.next_step) == (Stage.COLLECT, 2)
    assert result.delay == 15 * SECOND


async def test_a_retry_is_recorded_with_its_count_its_delay_and_its_time(
    context: ActivityContext,
) -> None:
    stored = await context.jobs.create(job(), {})
    result = await context.run_step(
        Stage.PREPARE, ActivityInput(stored.job_id, 1), reports(try_again())
    )
    assert (result.next_stage, result.delay) == (Stage.PREPARE, 15 * SECOND)
    row = await context.jobs.get(stored.job_id)
    assert row.decision is not None
    assert row.decision.not_before == context.now() + 15 * SECOND
    assert row.retry_counts == {Category.TRANSIENT: 1}
    assert row.reason == "busy: tried again at 12:00:15 UTC"
    event = (await context.jobs.events(stored.job_id))[-1]
    assert event.event == "retry_scheduled"
    assert (event.payload["attempt"], event.payload["retry_after_seconds"]) == (1, 15)


async def test_a_wake_before_the_time_of_a_retry_is_no_try(
    context: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    stored = await context.jobs.create(job(), {})
    await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 1), reports(try_again()))
    clock.move(4)
    result = await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 2), never)
    assert (result.next_stage, result.next_step, result.delay) == (Stage.PREPARE, 3, 11 * SECOND)
    clock.move(11)
    again = await context.run_step(
        Stage.PREPARE, ActivityInput(stored.job_id, 3), reports(try_again())
    )
    assert again.delay == 30 * SECOND


async def test_a_cancel_does_not_wait_for_the_time_of_a_retry(context: ActivityContext) -> None:
    stored = await context.jobs.create(job(), {})
    await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 1), reports(try_again()))
    await context.jobs.request_cancel(stored.job_id)
    result = await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 2), never)
    assert (result.next_stage, result.delay) == (Stage.CLEAN_UP, timedelta(0))


async def test_after_the_last_try_the_failure_is_recorded_and_the_clean_up_follows(
    context: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    stored = await context.jobs.create(job(), {})
    result = StepResult(stored.phase, Stage.PREPARE, 1)
    for _ in range(8):
        clock.move(result.delay.total_seconds())
        input_ = ActivityInput(stored.job_id, result.next_step)
        result = await context.run_step(Stage.PREPARE, input_, reports(try_again()))
    assert (result.phase, result.next_stage) == (Phase.CANCELLING, Stage.CLEAN_UP)
    failure = (await context.jobs.get(stored.job_id)).pending_failure
    assert failure == PendingFailure(Phase.SUBMIT_FAILED, "busy", "no", context.now())


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ({"phase": Phase.SUBMITTING}, Phase.SUBMIT_FAILED),
        ({"phase": Phase.RUNNING, "started_at": job().created_at}, Phase.SEARCH_FAILED),
    ],
)
async def test_a_step_that_kept_crashing_fails_the_job_with_its_text(
    context: ActivityContext, before: dict[str, Any], end: Phase
) -> None:
    stored = await context.jobs.create(job(**before), {})
    result = await CrashRecorder(context).record_crash(
        ActivityInput(stored.job_id, 7, "KeyError: 'x'")
    )
    now = await context.jobs.get(stored.job_id)
    assert (result.next_stage, now.phase) == (Stage.CLEAN_UP, Phase.CANCELLING)
    assert now.pending_failure == PendingFailure(
        end, "activity_crashed", "KeyError: 'x'", context.now()
    )


async def test_a_crash_that_is_recorded_twice_is_recorded_once(context: ActivityContext) -> None:
    stored = await context.jobs.create(job(), {})
    input_ = ActivityInput(stored.job_id, 7, "boom")
    results = [await CrashRecorder(context).record_crash(input_) for _ in range(2)]
    assert [result.next_stage for result in results] == [Stage.CLEAN_UP] * 2
    assert len(await context.jobs.events(stored.job_id)) == 2


async def test_a_failed_job_whose_clean_up_keeps_crashing_ends_all_the_same(
    context: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    failure = PendingFailure(Phase.SEARCH_FAILED, "search_failed", "a batch failed", clock())
    stored = await context.jobs.create(job(phase=Phase.CANCELLING, pending_failure=failure), {})
    recorder = CrashRecorder(context)
    again = await recorder.record_crash(ActivityInput(stored.job_id, 7, "boom"))
    assert (again.next_stage, again.delay) == (Stage.CLEAN_UP, AFTER_CRASH)
    clock.move(601)
    assert (await recorder.record_crash(ActivityInput(stored.job_id, 8, "boom"))).next_stage is None
    now = await context.jobs.get(stored.job_id)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert (await context.jobs.events(stored.job_id))[-1].payload["left_on_cluster"] == "unknown"


async def test_a_cancel_that_keeps_crashing_is_not_called_cancelled(
    context: ActivityContext,
) -> None:
    requested = job(phase=Phase.CANCELLING, cancel_requested_at=job().created_at)
    stored = await context.jobs.create(requested, {})
    result = await CrashRecorder(context).record_crash(ActivityInput(stored.job_id, 7, "boom"))
    assert result.next_stage is Stage.CLEAN_UP
    assert (await context.jobs.get(stored.job_id)).phase is Phase.CANCELLING


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.RUNNING, Phase.SUBMITTED])
async def test_i1_a_stop_that_crashes_before_it_begins_ends_the_job_all_the_same(
    context: ActivityContext,
    clock: Clock,  # noqa: F811
    phase: Phase,
) -> None:
    """It passes through the clean-up: the table allows no other way to its end."""
    stored = await context.jobs.create(job(phase=phase, cancel_requested_at=clock()), {})
    clock.now = stored.deadline_at + timedelta(minutes=11)
    results = [
        await CrashRecorder(context).record_crash(ActivityInput(stored.job_id, step, "boom"))
        for step in (7, 8)
    ]
    assert [result.next_stage for result in results] == [Stage.CLEAN_UP, None]
    now = await context.jobs.get(stored.job_id)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "cleanup_unconfirmed")
    assert now.left_on_cluster == "unknown"
