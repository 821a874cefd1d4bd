"""Orchestrations that are lost and started again, over the real activities and the real store."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.contracts.activities import ActivityInput, ActivityName, Stage, StepResult
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from tests.simulation.invariants import check_ended, check_now
from tests.simulation.models import Plan, trouble
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)


async def next_attempt_behind_an_earlier_one(scene: Scene) -> Job:
    """In `retrying`, before its config exists: the earlier attempt is still being cleaned up."""
    first = await scene.submitted()
    await scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    await scene.jobs.update(first.job_id, "failed", phase=Phase.SEARCH_FAILED)
    job = await scene.jobs.start_attempt(first.job_id, 2, timedelta(hours=48))
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    now = await scene.now(job)
    assert (now.phase, now.config_blob) == (Phase.RETRYING, None)
    return now


async def before_another_try_of_its_submission(scene: Scene) -> Job:
    """In `retrying` with its config."""
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.environment.plans[job.elb_job_id].append(Plan(says=trouble("transient")))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert now.phase is Phase.RETRYING
    assert now.config_blob
    return now


@pytest.mark.parametrize(
    ("retrying", "stage"),
    [
        (next_attempt_behind_an_earlier_one, Stage.PREPARE),
        (before_another_try_of_its_submission, Stage.SUBMIT),
    ],
)
async def test_a_restart_in_retrying_goes_on_with_the_stage_of_the_row(
    scene: Scene, retrying: Callable[[Scene], Awaitable[Job]], stage: Stage
) -> None:
    """The phase belongs to two stages: only PREPARE writes the config that SUBMIT reads."""
    scene.environment.batch_time = MINUTE
    job = await retrying(scene)
    driver = await scene.drive(job)
    assert (driver.start.stage, driver.start.step) == (stage, job.step + 1)
    await scene.run(timedelta(hours=1))
    now = await scene.now(job)
    assert (driver.output, driver.crashes) == ({"phase": Phase.COMPLETED}, [])
    assert now.config_blob
    assert now.left_on_cluster is LeftOnCluster.NONE
    assert scene.environment.with_pods(job.job_id) == [] or now.attempt == 1
    await check_now(scene, [now], {})


async def test_a_restarted_orchestration_follows_a_late_activity_of_the_lost_one(
    scene: Scene,
) -> None:
    """The lost orchestration's submission is recorded while the new one takes the same step."""
    scene.environment.batch_time = MINUTE
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    submit, step = scene.methods[ActivityName.SUBMIT_SEARCH], (await scene.now(job)).step + 1
    late: list[StepResult] = []

    async def overtaken(input_: ActivityInput) -> StepResult:
        while (await scene.now(job)).phase is not Phase.SUBMITTED:
            late.append(await submit(ActivityInput(job.job_id, step + len(late))))
            await scene.passes(1)
        result: StepResult = await submit(input_)
        return result

    scene.methods[ActivityName.SUBMIT_SEARCH] = overtaken
    driver = await scene.drive(job)
    await scene.run(timedelta(hours=1))
    assert late[-1].phase is Phase.SUBMITTED
    assert (driver.output, driver.crashes) == ({"phase": Phase.COMPLETED}, [])
    assert [input_.step for name, input_ in driver.calls if name is ActivityName.SUBMIT_SEARCH] == [
        step
    ]
    observed = [input_ for name, input_ in driver.calls if name is ActivityName.OBSERVE_SEARCH]
    assert observed[0].step == late[-1].next_step, "it goes on from the row, not from its own step"
    assert len(scene.environment.processes) == 1
    await check_ended(scene, [await scene.now(job)])


async def stopped(scene: Scene, time_left: timedelta = timedelta(hours=48)) -> Job:
    """A running search with a cancel request, so long before its deadline."""
    scene.environment.batch_time = None
    job = await scene.submitted(deadline_at=scene.clock() + time_left)
    await scene.cancel(job)
    return job


class CrashingCleanUp:
    """Crashes a number of times, as a bug does, and works after that."""

    def __init__(self, scene: Scene, crashes: int) -> None:
        self._clean_up = scene.methods[ActivityName.CLEAN_UP_SEARCH]
        self._scene, self.left = scene, crashes
        scene.methods[ActivityName.CLEAN_UP_SEARCH] = self

    async def __call__(self, input_: ActivityInput) -> StepResult:
        if self.left and (await self._scene.jobs.get(input_.job_id)).phase is Phase.CANCELLING:
            self.left -= 1
            raise RuntimeError("a bug in the clean-up")
        result: StepResult = await self._clean_up(input_)
        return result


async def test_a_clean_up_that_crashes_for_an_hour_is_proven_in_the_end(scene: Scene) -> None:
    """Twelve rounds of five crashes: record_crash gives a clean-up no last try."""
    job = await stopped(scene)
    crashing = CrashingCleanUp(scene, 60)
    driver = await scene.drive(job)
    await scene.run(timedelta(hours=12))
    assert crashing.left == 0
    assert len(driver.crashes) == 60
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.CANCELLED, LeftOnCluster.NONE)
    assert scene.environment.with_pods(job.elb_job_id) == []
    assert [name for name, _ in driver.calls].count(ActivityName.RECORD_CRASH) == 12
    await check_ended(scene, [now])


async def test_a_clean_up_that_always_crashes_ends_after_its_timeout_without_a_proof(
    scene: Scene,
) -> None:
    """Never as `cancelled`; reconcile, whose process may have no such bug, goes on."""
    job = await stopped(scene, timedelta(hours=3))
    CrashingCleanUp(scene, 10**6)
    driver = await scene.drive(job)
    await scene.run(timedelta(hours=2))
    assert (await scene.now(job)).phase is Phase.CANCELLING, (
        "a cancel waits for its proof to its deadline"
    )
    await scene.run(timedelta(hours=2))
    now = await scene.now(job)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "cleanup_unconfirmed")
    assert (now.left_on_cluster, now.is_settled) == (LeftOnCluster.UNKNOWN, False)
    assert driver.output == {"phase": Phase.TIMED_OUT}
    assert scene.environment.with_pods(job.elb_job_id)
    await check_ended(scene, [now])
