"""Cancelling, in a small world: called cancelled only once nothing is left."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.clients.kubernetes import DURATION
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.models import CallFault, KubeJob, Lease, Plan, trouble
from tests.simulation.scene import Scene

LONG = Plan(takes=timedelta(minutes=10))


async def until_cleared(scene: Scene, job: Job, seconds: float = 10, most: int = 5) -> Job:
    """Ask for the clearing until the job has ended."""
    for _ in range(most):
        if (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).next_stage is None:
            break
        await scene.passes(seconds)
    return await scene.now(job)


def is_clean(scene: Scene, job: Job) -> bool:
    running = any(one.runs and one.job_id == job.job_id for one in scene.environment.processes)
    return not running and not scene.environment.with_pods(job.elb_job_id)


async def queued(scene: Scene) -> Job:
    return await scene.accept()


async def waiting_for_the_slot(scene: Scene) -> Job:
    scene.environment.lease = Lease("another", scene.clock(), scene.clock(), DURATION)
    return await begun(scene)


async def submitting(scene: Scene) -> Job:
    scene.environment.usual = LONG
    job = await begun(scene)
    await scene.passes(310)
    return job


async def retrying(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("transient"), leaves=True)
    return await begun(scene)


async def waiting_for_capacity(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("capacity"))
    return await begun(scene)


async def begun(scene: Scene) -> Job:
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


async def submitted(scene: Scene) -> Job:
    return await scene.submitted()


async def running(scene: Scene) -> Job:
    job = await scene.submitted()
    await scene.passes(5)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


async def exporting_results(scene: Scene) -> Job:
    job = await scene.submitted()
    await scene.passes(601)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


EVERYWHERE: list[Callable[[Scene], Awaitable[Job]]] = [
    *(queued, waiting_for_the_slot, submitting, retrying, waiting_for_capacity),
    *(submitted, running, exporting_results),
]


@pytest.mark.parametrize("there", EVERYWHERE)
async def test_failure_33_a_cancel_works_wherever_the_job_is(
    scene: Scene, there: Callable[[Scene], Awaitable[Job]]
) -> None:
    job = await there(scene)
    before = (await scene.now(job)).phase
    await scene.cancel(job)
    for activity in (ActivityName.SUBMIT_SEARCH, ActivityName.OBSERVE_SEARCH):
        assert (await scene.do(activity, job)).next_stage is Stage.CLEAN_UP
    now = await until_cleared(scene, job)
    assert (now.phase, now.error_code, now.reason) == (Phase.CANCELLED, None, None)
    assert is_clean(scene, job)
    assert (await scene.events(job, "cancelling"))[0].payload == {"from_phase": before.value}
    proof = (await scene.events(job, "cancelled"))[0].payload
    assert (proof["left_on_cluster"], proof["proof"]) == ("none", "nothing is left")
    assert proof["took_seconds"] < 60


async def test_failure_33_a_cancel_during_submit_is_not_overwritten(scene: Scene) -> None:
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.environment.meanwhile = lambda: scene.cancel(job)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.WATCH
    assert (await scene.now(job)).cancel_requested_at
    assert (await scene.do(ActivityName.OBSERVE_SEARCH, job)).next_stage is Stage.CLEAN_UP
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert is_clean(scene, job)


async def test_failure_34_a_cancel_that_was_not_proven_is_no_cancel(scene: Scene) -> None:
    job = await running(scene)
    await scene.cancel(job)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment.down.add("cluster")
    now = await until_cleared(scene, job, seconds=600)
    assert now.phase is Phase.CANCELLING
    assert now.reason == "cannot be cleaned up yet: no answer came"
    assert len(await scene.events(job, "cleanup_pending")) == 1
    scene.environment.down.clear()
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED


async def test_failure_34_jobs_are_deleted_although_the_sidecar_is_away(scene: Scene) -> None:
    job = await submitting(scene)
    await scene.passes(330)
    assert scene.environment.present(job.elb_job_id)
    await scene.cancel(job)
    scene.environment.down.add("sidecar")
    for _ in range(3):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
        await scene.passes(10)
    assert (await scene.now(job)).phase is Phase.CANCELLING
    assert not scene.environment.with_pods(job.elb_job_id)


async def test_failure_34_jobs_that_a_submission_creates_during_the_cleanup_are_deleted(
    scene: Scene,
) -> None:
    job = await submitting(scene)
    await scene.cancel(job)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment.down.add("sidecar")
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert scene.environment.lease is not None  # it may still be running
    await scene.passes(600)
    assert scene.environment.present(job.elb_job_id)
    scene.environment.down.clear()
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert is_clean(scene, job)
    assert scene.environment.lease is None


async def test_failure_34_a_submit_job_that_creates_a_job_while_it_goes_leaves_nothing(
    scene: Scene,
) -> None:
    job = await running(scene)
    scene.environment.jobs.append(
        KubeJob("submit-jobs", "submit", job.elb_job_id, scene.clock(), spawns=True)
    )
    await scene.cancel(job)
    for _ in range(2):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    await scene.passes(6)
    assert [one.name[-20:-9] for one in scene.environment.present(job.elb_job_id)] == [
        "16s-job-099"
    ]
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert is_clean(scene, job)


async def test_failure_34_a_finalizer_that_says_success_does_not_complete_a_cancelled_job(
    scene: Scene,
) -> None:
    job = await running(scene)
    await scene.cancel(job)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    await scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "x")
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert (await scene.do(ActivityName.OBSERVE_SEARCH, job)).next_stage is None
    assert (await scene.now(job)).phase is Phase.CANCELLED


async def test_failure_35_only_the_search_that_was_named_is_cancelled(scene: Scene) -> None:
    job, ten = await scene.accept(1), await scene.accept(0x10)
    other = await scene.submitted(2)
    for near in (f"{job.elb_job_id}0", f"x{job.elb_job_id}", ten.elb_job_id):
        scene.environment.jobs.append(KubeJob(f"of-{near}", "blast", near, scene.clock()))
    await scene.cancel(job)
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    names = [each.name for each in scene.environment.jobs if each.elb_job_id != other.elb_job_id]
    assert len(names) == 3
    assert len(scene.environment.present(other.elb_job_id)) == 4


async def test_failure_35_objects_that_are_already_gone_count_as_deleted(scene: Scene) -> None:
    job = await running(scene)
    scene.environment.jobs.clear()
    scene.environment.lose_state()
    await scene.cancel(job)
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED


@pytest.mark.parametrize("trouble", [CallFault.DIES_BEFORE, CallFault.DIES_AFTER])
@pytest.mark.parametrize("call", range(1, 6))
async def test_failure_33_a_process_that_dies_at_any_call_of_a_cancel_is_no_matter(
    scene: Scene, trouble: CallFault, call: int
) -> None:
    job = await running(scene)
    await scene.cancel(job)
    driver = await scene.drive(job)
    scene.environment.next["cluster"].extend([None] * call)
    scene.environment.next["cluster"].append(trouble)
    await scene.run(timedelta(minutes=5))
    assert not scene.environment.next["cluster"]
    assert (driver.output, driver.crashes) == ({"phase": "cancelled"}, [])
    assert is_clean(scene, job)


# A cluster that is gone, and patience that is over.


async def test_failure_29_a_cluster_that_is_gone_leaves_nothing(scene: Scene) -> None:
    job = await running(scene)
    await scene.cancel(job)
    scene.environment.down.add("cluster")
    scene.cluster.code = "cluster_not_found"
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert (await scene.events(job, "cancelled"))[0].payload["proof"] == "no answer came"


async def test_failure_34_a_cluster_that_is_gone_proves_nothing_of_a_submission_that_may_run(
    scene: Scene,
) -> None:
    job = await submitting(scene)
    await scene.cancel(job)
    scene.environment.down.update({"cluster", "sidecar"})
    scene.cluster.code = "cluster_not_found"
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLING
    scene.environment.down.remove("sidecar")
    assert (await until_cleared(scene, job)).phase is Phase.CANCELLED
    assert not any(one.runs for one in scene.environment.processes)


async def test_failure_34_a_cancel_without_proof_ends_at_last_and_says_so(scene: Scene) -> None:
    job = await running(scene)
    await scene.cancel(job)
    scene.environment.down.add("cluster")
    await until_cleared(scene, job)
    scene.clock.now = job.deadline_at + timedelta(seconds=601)
    now = await until_cleared(scene, job)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "cleanup_unconfirmed")
    assert (await scene.events(job, "timed_out"))[0].payload["left_on_cluster"] == "unknown"


async def test_a_failed_search_ends_with_its_pending_failure_once_nothing_is_left(
    scene: Scene,
) -> None:
    job = await running(scene)
    await scene.environment.end_batch(job.elb_job_id, well=False)
    await scene.passes(3)
    assert (await scene.do(ActivityName.OBSERVE_SEARCH, job)).next_stage is Stage.CLEAN_UP
    now = await until_cleared(scene, job)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert (await scene.events(job, "search_failed"))[0].payload["left_on_cluster"] == "none"
    assert is_clean(scene, job)


async def test_the_cleanup_of_a_failed_search_has_a_timeout(scene: Scene) -> None:
    job = await running(scene)
    await scene.environment.end_batch(job.elb_job_id, well=False)
    await scene.passes(3)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    scene.environment.down.add("cluster")
    now = await until_cleared(scene, job, seconds=601)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert (await scene.events(job, "search_failed"))[0].payload["left_on_cluster"] == "unknown"


async def test_failure_5_a_cleanup_is_not_abandoned_while_an_untracked_submission_may_run(
    scene: Scene,
) -> None:
    scene.environment.with_operations = False
    scene.environment.usual = Plan(takes=timedelta(minutes=20))
    job = await begun(scene)
    await scene.jobs.update(job.job_id, "too_late", deadline_at=scene.clock())
    now = await until_cleared(scene, job, seconds=301, most=8)
    assert now.phase is Phase.TIMED_OUT
    assert is_clean(scene, job)
    assert (await scene.events(job, "timed_out"))[0].payload["left_on_cluster"] == "none"
