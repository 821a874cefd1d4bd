"""Cancelling, in a small world: called cancelled only once nothing is left."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.models import CallFault, KubeJob, Lease, Plan, trouble
from tests.simulation.scene import Scene

LONG = Plan(takes=timedelta(minutes=10))


def until_cleared(scene: Scene, job: Job, seconds: float = 10, most: int = 5) -> Job:
    """Ask for the clearing until the job has ended."""
    for _ in range(most):
        if scene.do(ActivityName.CLEAN_UP_SEARCH, job).next_stage is None:
            break
        scene.passes(seconds)
    return scene.now(job)


def is_clean(scene: Scene, job: Job) -> bool:
    running = any(one.runs and one.job_id == job.job_id for one in scene.environment.processes)
    return not running and not scene.environment.with_pods(job.elb_job_id)


def queued(scene: Scene) -> Job:
    return scene.accept()


def waiting_for_the_slot(scene: Scene) -> Job:
    scene.environment.lease = Lease("another", scene.clock(), scene.clock())
    return begun(scene)


def submitting(scene: Scene) -> Job:
    scene.environment.usual = LONG
    job = begun(scene)
    scene.passes(310)
    return job


def retrying(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("transient"), leaves=True)
    return begun(scene)


def waiting_for_capacity(scene: Scene) -> Job:
    scene.environment.usual = Plan(says=trouble("capacity"))
    return begun(scene)


def begun(scene: Scene) -> Job:
    job = scene.accept()
    scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    return job


def submitted(scene: Scene) -> Job:
    return scene.submitted()


def running(scene: Scene) -> Job:
    job = scene.submitted()
    scene.passes(5)
    scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


def exporting_results(scene: Scene) -> Job:
    job = scene.submitted()
    scene.passes(601)
    scene.do(ActivityName.OBSERVE_SEARCH, job)
    return job


EVERYWHERE: list[Callable[[Scene], Job]] = [
    *(queued, waiting_for_the_slot, submitting, retrying, waiting_for_capacity),
    *(submitted, running, exporting_results),
]


@pytest.mark.parametrize("there", EVERYWHERE)
def test_failure_33_a_cancel_works_wherever_the_job_is(
    scene: Scene, there: Callable[[Scene], Job]
) -> None:
    job = there(scene)
    before = scene.now(job).phase
    scene.cancel(job)
    for activity in (ActivityName.SUBMIT_SEARCH, ActivityName.OBSERVE_SEARCH):
        assert scene.do(activity, job).next_stage is Stage.CLEAN_UP
    now = until_cleared(scene, job)
    assert (now.phase, now.error_code, now.reason) == (Phase.CANCELLED, None, None)
    assert is_clean(scene, job)
    assert scene.events(job, "cancelling")[0].payload == {"from_phase": before.value}
    proof = scene.events(job, "cancelled")[0].payload
    assert (proof["left_on_cluster"], proof["proof"]) == ("none", "nothing is left")
    assert proof["took_seconds"] < 60


def test_failure_33_a_cancel_during_submit_is_not_overwritten(scene: Scene) -> None:
    job = scene.accept()
    scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.environment.meanwhile = lambda: scene.cancel(job)
    assert scene.do(ActivityName.SUBMIT_SEARCH, job).next_stage is Stage.WATCH
    assert scene.now(job).cancel_requested_at
    assert scene.do(ActivityName.OBSERVE_SEARCH, job).next_stage is Stage.CLEAN_UP
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert is_clean(scene, job)


def test_failure_34_a_cancel_that_was_not_proven_is_no_cancel(scene: Scene) -> None:
    job = running(scene)
    scene.cancel(job)
    scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment.down.add("cluster")
    now = until_cleared(scene, job, seconds=600)
    assert now.phase is Phase.CANCELLING
    assert now.reason == "cannot be cleaned up yet: no answer came"
    assert len(scene.events(job, "cleanup_pending")) == 1
    scene.environment.down.clear()
    assert until_cleared(scene, job).phase is Phase.CANCELLED


def test_failure_34_jobs_are_deleted_although_the_sidecar_is_away(scene: Scene) -> None:
    job = submitting(scene)
    scene.passes(330)
    assert scene.environment.present(job.elb_job_id)
    scene.cancel(job)
    scene.environment.down.add("sidecar")
    for _ in range(3):
        scene.do(ActivityName.CLEAN_UP_SEARCH, job)
        scene.passes(10)
    assert scene.now(job).phase is Phase.CANCELLING
    assert not scene.environment.with_pods(job.elb_job_id)


def test_failure_34_jobs_that_a_submission_creates_during_the_cleanup_are_deleted(
    scene: Scene,
) -> None:
    job = submitting(scene)
    scene.cancel(job)
    scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment.down.add("sidecar")
    scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert scene.environment.lease is not None  # it may still be running
    scene.passes(600)
    assert scene.environment.present(job.elb_job_id)
    scene.environment.down.clear()
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert is_clean(scene, job)
    assert scene.environment.lease is None


def test_failure_34_a_submit_job_that_creates_a_job_while_it_goes_leaves_nothing(
    scene: Scene,
) -> None:
    job = running(scene)
    scene.environment.jobs.append(
        KubeJob("submit-jobs", "submit", job.elb_job_id, scene.clock(), spawns=True)
    )
    scene.cancel(job)
    for _ in range(2):
        scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.passes(6)
    assert [one.name[-20:-9] for one in scene.environment.present(job.elb_job_id)] == [
        "16s-job-099"
    ]
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert is_clean(scene, job)


def test_failure_34_a_finalizer_that_says_success_does_not_complete_a_cancelled_job(
    scene: Scene,
) -> None:
    job = running(scene)
    scene.cancel(job)
    scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "x")
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert scene.do(ActivityName.OBSERVE_SEARCH, job).next_stage is None
    assert scene.now(job).phase is Phase.CANCELLED


def test_failure_35_only_the_search_that_was_named_is_cancelled(scene: Scene) -> None:
    job, ten = scene.accept(1), scene.accept(0x10)
    other = scene.submitted(2)
    for near in (f"{job.elb_job_id}0", f"x{job.elb_job_id}", ten.elb_job_id):
        scene.environment.jobs.append(KubeJob(f"of-{near}", "blast", near, scene.clock()))
    scene.cancel(job)
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    names = [each.name for each in scene.environment.jobs if each.elb_job_id != other.elb_job_id]
    assert len(names) == 3
    assert len(scene.environment.present(other.elb_job_id)) == 4


def test_failure_35_objects_that_are_already_gone_count_as_deleted(scene: Scene) -> None:
    job = running(scene)
    scene.environment.jobs.clear()
    scene.environment.lose_state()
    scene.cancel(job)
    assert until_cleared(scene, job).phase is Phase.CANCELLED


@pytest.mark.parametrize("trouble", [CallFault.DIES_BEFORE, CallFault.DIES_AFTER])
@pytest.mark.parametrize("call", range(1, 6))
def test_failure_33_a_process_that_dies_at_any_call_of_a_cancel_is_no_matter(
    scene: Scene, trouble: CallFault, call: int
) -> None:
    job = running(scene)
    scene.cancel(job)
    driver = scene.drive(job)
    scene.environment.next["cluster"].extend([None] * call)
    scene.environment.next["cluster"].append(trouble)
    scene.run(timedelta(minutes=5))
    assert not scene.environment.next["cluster"]
    assert (driver.output, driver.crashes) == ({"phase": "cancelled"}, [])
    assert is_clean(scene, job)


# A cluster that is gone, and patience that is over.


def test_failure_29_a_cluster_that_is_gone_leaves_nothing(scene: Scene) -> None:
    job = running(scene)
    scene.cancel(job)
    scene.environment.down.add("cluster")
    scene.cluster.code = "cluster_not_found"
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert scene.events(job, "cancelled")[0].payload["proof"] == "no answer came"


def test_failure_34_a_cluster_that_is_gone_proves_nothing_of_a_submission_that_may_run(
    scene: Scene,
) -> None:
    job = submitting(scene)
    scene.cancel(job)
    scene.environment.down.update({"cluster", "sidecar"})
    scene.cluster.code = "cluster_not_found"
    assert until_cleared(scene, job).phase is Phase.CANCELLING
    scene.environment.down.remove("sidecar")
    assert until_cleared(scene, job).phase is Phase.CANCELLED
    assert not any(one.runs for one in scene.environment.processes)


def test_failure_34_a_cancel_without_proof_ends_at_last_and_says_so(scene: Scene) -> None:
    job = running(scene)
    scene.cancel(job)
    scene.environment.down.add("cluster")
    until_cleared(scene, job)
    scene.clock.now = job.deadline_at + timedelta(seconds=601)
    now = until_cleared(scene, job)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "cleanup_unconfirmed")
    assert scene.events(job, "timed_out")[0].payload["left_on_cluster"] == "unknown"


def test_a_failed_search_ends_with_its_pending_failure_once_nothing_is_left(scene: Scene) -> None:
    job = running(scene)
    scene.environment.end_batch(job.elb_job_id, well=False)
    scene.passes(3)
    assert scene.do(ActivityName.OBSERVE_SEARCH, job).next_stage is Stage.CLEAN_UP
    now = until_cleared(scene, job)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert scene.events(job, "search_failed")[0].payload["left_on_cluster"] == "none"
    assert is_clean(scene, job)


def test_the_cleanup_of_a_failed_search_has_a_timeout(scene: Scene) -> None:
    job = running(scene)
    scene.environment.end_batch(job.elb_job_id, well=False)
    scene.passes(3)
    scene.do(ActivityName.OBSERVE_SEARCH, job)
    scene.environment.down.add("cluster")
    now = until_cleared(scene, job, seconds=601)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert scene.events(job, "search_failed")[0].payload["left_on_cluster"] == "unknown"


def test_failure_5_a_cleanup_is_not_abandoned_while_an_untracked_submission_may_run(
    scene: Scene,
) -> None:
    scene.environment.with_operations = False
    scene.environment.usual = Plan(takes=timedelta(minutes=20))
    job = begun(scene)
    scene.jobs.update(job.job_id, "too_late", deadline_at=scene.clock())
    now = until_cleared(scene, job, seconds=301, most=8)
    assert now.phase is Phase.TIMED_OUT
    assert is_clean(scene, job)
    assert scene.events(job, "timed_out")[0].payload["left_on_cluster"] == "none"
