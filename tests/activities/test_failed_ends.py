"""Every way in which a search fails goes through the clean-up, or says that something is left."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from activities import endings
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from tests.simulation.models import KubeJob, Plan, trouble
from tests.simulation.scene import Scene

MOST_STEPS = 30


async def prepared(scene: Scene) -> Job:
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    return job


async def running(scene: Scene) -> Job:
    scene.environment.batch_time = None
    job = await scene.submitted()
    await scene.passes(5)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


async def repeat(scene: Scene, job: Job, activity: ActivityName, seconds: float) -> Job:
    """Repeat an activity until the job is to be cleaned up."""
    for _ in range(MOST_STEPS):
        if (await scene.do(activity, job)).next_stage is Stage.CLEAN_UP:
            return await scene.now(job)
        await scene.passes(seconds)
    raise AssertionError(f"{await scene.now(job)} is not to be cleaned up")


async def rejected(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("invalid"), leaves=True)
    return await repeat(scene, await prepared(scene), ActivityName.SUBMIT_SEARCH, 10)


async def without_a_try_left(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("transient"), leaves=True)
    return await repeat(scene, await prepared(scene), ActivityName.SUBMIT_SEARCH, 10)


async def failed(scene: Scene) -> Job:
    job = await running(scene)
    await scene.environment.end_batch(job.elb_job_id, well=False)
    return await repeat(scene, job, ActivityName.OBSERVE_SEARCH, 5)


async def without_jobs(scene: Scene) -> Job:
    job = await running(scene)
    scene.environment.delete(job.elb_job_id)
    return await repeat(scene, job, ActivityName.OBSERVE_SEARCH, 60)


async def without_results(scene: Scene) -> Job:
    job = await running(scene)
    scene.environment.delete(job.elb_job_id)
    await scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "SUCCESS")
    await scene.passes(10)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    return await repeat(scene, job, ActivityName.COLLECT_RESULTS, 60)


async def too_late(scene: Scene) -> Job:
    job = await running(scene)
    await scene.jobs.update(job.job_id, "too_late", deadline_at=scene.clock())
    return await repeat(scene, job, ActivityName.OBSERVE_SEARCH, 5)


async def crashed(scene: Scene) -> Job:
    job = await running(scene)
    await scene.do(ActivityName.RECORD_CRASH, job, crash="a bug")
    return await scene.now(job)


async def without_an_orchestration(scene: Scene) -> Job:
    job = await running(scene)
    await scene.job_stopper.fail(job.job_id, "its orchestration ended 6 times")
    return await scene.now(job)


ENDS: dict[Callable[[Scene], Awaitable[Job]], tuple[Phase, str]] = {
    rejected: (Phase.CONFIG_INVALID, "config_invalid"),
    without_a_try_left: (Phase.SUBMIT_FAILED, "transient"),
    failed: (Phase.SEARCH_FAILED, "search_failed"),
    without_jobs: (Phase.SEARCH_FAILED, "jobs_missing"),
    without_results: (Phase.RESULTS_MISSING, "results_missing"),
    too_late: (Phase.TIMED_OUT, "timed_out"),
    crashed: (Phase.SEARCH_FAILED, "activity_crashed"),
    without_an_orchestration: (Phase.SEARCH_FAILED, "orchestration_failed"),
}
each_end = pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)


async def until_ended(scene: Scene, job: Job, seconds: float) -> Job:
    """Clean up until the job has ended; a Job that nothing has counted still runs."""
    scene.environment.jobs.append(KubeJob("stray", "blast", job.elb_job_id, scene.clock()))
    for _ in range(MOST_STEPS):
        if (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).next_stage is None:
            return await scene.now(job)
        await scene.passes(seconds)
    raise AssertionError(f"{await scene.now(job)} has not ended")


@each_end
async def test_a_search_that_fails_is_cleaned_up_before_it_ends(
    scene: Scene, end: Callable[[Scene], Awaitable[Job]]
) -> None:
    job = await until_ended(scene, await end(scene), 10)
    assert (job.phase, job.error_code) == ENDS[end]
    assert job.left_on_cluster is LeftOnCluster.NONE
    assert scene.environment.with_pods(job.elb_job_id) == []
    ended = (await scene.events(job))[-1]
    assert (ended.phase, ended.payload["left_on_cluster"]) == (job.phase, "none")


@each_end
async def test_a_search_that_fails_without_a_proof_says_that_something_may_be_left(
    scene: Scene, end: Callable[[Scene], Awaitable[Job]]
) -> None:
    job = await end(scene)
    scene.environment.down.add("cluster")
    job = await until_ended(scene, job, 301)
    assert (job.phase, job.error_code) == ENDS[end]
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    assert not job.is_settled, "reconcile goes on to clean it up"
    scene.environment.down.clear()
    await scene.job_stopper.clean_up(job)
    await scene.passes(10)
    assert (await scene.job_stopper.clean_up(job)).proof == "nothing is left"
    assert scene.environment.with_pods(job.elb_job_id) == []


def test_every_failure_of_a_search_is_in_the_table() -> None:
    """database_unavailable has the same way as a rejected config: submit_outcome names it."""
    others = {Phase.DATABASE_UNAVAILABLE}
    assert {phase for phase, _ in ENDS.values()} | others == {
        phase for phase in Phase if phase.is_failure
    }


async def test_a_search_that_completes_is_not_cleaned_up(scene: Scene) -> None:
    """Its Jobs have ended, as its marker and all its results prove; their TTL removes them."""
    driver = await scene.drive(await scene.accept())
    scene.environment.batch_time = timedelta(minutes=1)
    await scene.run(timedelta(minutes=10))
    assert driver.output == {"phase": Phase.COMPLETED}
    assert not any(job.deleted for job in scene.environment.jobs)


def test_failure_55_an_error_is_redacted_before_it_is_shortened() -> None:
    error = "x" * (endings.LONGEST_ERROR - 20) + " https://user:12345-s3cr3t@host/path"
    ended = endings.end(Phase.SUBMIT_FAILED, "refused", error)
    failed = endings.fail(Phase.SUBMIT_FAILED, "refused", error, datetime.now(UTC))
    for outcome in (ended, failed):
        assert "12345-" not in f"{outcome.changes} {outcome.payload}"
