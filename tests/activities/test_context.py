"""What every step has in common, on a real job store."""

from datetime import timedelta
from typing import Any

import pytest

from activities.context import ActivityContext
from activities.crash import CrashRecorder
from shared.contracts.activities import ActivityInput, ActivityName, Decision
from shared.contracts.job import Job, PendingFailure
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from tests.shared.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.support.samples import job, settings

DONE = Decision(Phase.SUBMITTING, ActivityName.SUBMIT_SEARCH, timedelta(seconds=3), {"done": 1})


@pytest.fixture
def desk(jobs: JobStateRepository, clock: Clock) -> ActivityContext:  # noqa: F811
    return ActivityContext(jobs, settings(), clock, lambda job: None)


def configured(desk: ActivityContext, one: Job, input_: ActivityInput) -> Decision:
    desk.jobs.update(
        one.job_id, "config_written", step=input_.step, decision=DONE, phase=Phase.SUBMITTING
    )
    return DONE


def test_a_step_that_runs_again_answers_what_it_answered(desk: ActivityContext) -> None:
    one = desk.jobs.create(job(), {})
    times = []

    def work(found: Job, input_: ActivityInput) -> Decision:
        times.append(input_.step)
        return configured(desk, found, input_)

    answers = [
        desk.run_step(ActivityName.PREPARE_SEARCH, ActivityInput(one.job_id, 1), work)
        for _ in range(3)
    ]
    assert answers == [DONE] * 3
    assert times == [1]
    assert len(desk.jobs.events(one.job_id)) == 2


def never(found: Job, input_: ActivityInput) -> Decision:
    raise AssertionError("this step must not be taken")


def test_a_job_that_has_ended_takes_no_step(desk: ActivityContext) -> None:
    one = desk.jobs.create(job(phase=Phase.COMPLETED), {})
    assert desk.run_step(
        ActivityName.OBSERVE_SEARCH, ActivityInput(one.job_id, 9), never
    ) == Decision(Phase.COMPLETED, None)


@pytest.mark.parametrize(
    "activity",
    [
        verb
        for verb in ActivityName
        if verb not in (ActivityName.CLEAN_UP_SEARCH, ActivityName.RECORD_CRASH)
    ],
)
def test_a_cancel_that_was_asked_for_comes_before_every_step(
    desk: ActivityContext, activity: ActivityName
) -> None:
    one = desk.jobs.create(job(), {})
    desk.jobs.update(one.job_id, "cancel_requested", cancel_requested_at=desk.now())
    assert (
        desk.run_step(activity, ActivityInput(one.job_id, 1), never).next_stage
        is ActivityName.CLEAN_UP_SEARCH
    )


def test_failure_31_a_job_past_its_deadline_is_cleared_away(
    desk: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    one = desk.jobs.create(job(), {})
    clock.move(48 * 3600)
    assert (
        desk.run_step(ActivityName.OBSERVE_SEARCH, ActivityInput(one.job_id, 1), never).next_stage
        is ActivityName.CLEAN_UP_SEARCH
    )


def test_a_store_that_is_away_lets_the_step_be_taken_again(desk: ActivityContext) -> None:
    one = desk.jobs.create(job(), {})

    def work(found: Job, input_: ActivityInput) -> Decision:
        raise Unavailable("storage_unavailable", "away")

    decision = desk.run_step(ActivityName.COLLECT_RESULTS, ActivityInput(one.job_id, 1), work)
    assert (decision.next_stage, decision.delay) == (
        ActivityName.COLLECT_RESULTS,
        timedelta(seconds=15),
    )


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ({"phase": Phase.SUBMITTING}, Phase.SUBMIT_FAILED),
        ({"phase": Phase.RUNNING, "started_at": job().created_at}, Phase.SEARCH_FAILED),
    ],
)
def test_a_step_that_kept_crashing_condemns_the_job_with_its_text(
    desk: ActivityContext, before: dict[str, Any], end: Phase
) -> None:
    one = desk.jobs.create(job(**before), {})
    decision = CrashRecorder(desk).record_crash(ActivityInput(one.job_id, 7, "KeyError: 'x'"))
    now = desk.jobs.get(one.job_id)
    assert (decision.next_stage, now.phase) == (ActivityName.CLEAN_UP_SEARCH, Phase.CANCELLING)
    assert now.pending_failure == PendingFailure(
        end, "activity_crashed", "KeyError: 'x'", desk.now()
    )


def test_a_condemned_job_whose_clearing_keeps_crashing_ends_all_the_same(
    desk: ActivityContext,
    clock: Clock,  # noqa: F811
) -> None:
    verdict = PendingFailure(Phase.SEARCH_FAILED, "search_failed", "a batch failed", clock())
    one = desk.jobs.create(job(phase=Phase.CANCELLING, pending_failure=verdict), {})
    assert (
        CrashRecorder(desk).record_crash(ActivityInput(one.job_id, 7, "boom")).next_stage
        is ActivityName.CLEAN_UP_SEARCH
    )
    clock.move(601)
    assert CrashRecorder(desk).record_crash(ActivityInput(one.job_id, 8, "boom")).next_stage is None
    now = desk.jobs.get(one.job_id)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert desk.jobs.events(one.job_id)[-1].payload["left_on_cluster"] == "unknown"


def test_a_cancel_that_keeps_crashing_is_not_called_cancelled(desk: ActivityContext) -> None:
    asked = job(phase=Phase.CANCELLING, cancel_requested_at=job().created_at)
    one = desk.jobs.create(asked, {})
    decision = CrashRecorder(desk).record_crash(ActivityInput(one.job_id, 7, "boom"))
    assert decision.next_stage is ActivityName.CLEAN_UP_SEARCH
    assert desk.jobs.get(one.job_id).phase is Phase.CANCELLING


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.RUNNING, Phase.SUBMITTED])
def test_i1_a_stop_that_crashes_before_it_begins_ends_the_job_all_the_same(
    desk: ActivityContext,
    clock: Clock,  # noqa: F811
    phase: Phase,
) -> None:
    """It passes through the clean-up: the table allows no other way to its end."""
    one = desk.jobs.create(job(phase=phase, cancel_requested_at=clock()), {})
    clock.now = one.deadline_at + timedelta(minutes=11)
    reports = [
        CrashRecorder(desk).record_crash(ActivityInput(one.job_id, step, "boom")) for step in (7, 8)
    ]
    assert [report.next_stage for report in reports] == [ActivityName.CLEAN_UP_SEARCH, None]
    now = desk.jobs.get(one.job_id)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "cleanup_unconfirmed")
    assert now.left_on_cluster == "unknown"
