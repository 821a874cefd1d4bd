"""Watching, in a small world: what is written down of a search, and what never is."""

from datetime import timedelta

import pytest

from shared.blast.result_files import JOB_COUNT_BLOB
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from tests.simulation.models import TTL, Plan
from tests.simulation.scene import Scene


@pytest.fixture
def job(scene: Scene) -> Job:
    """A search that has just been submitted; its two batches run until the test ends them."""
    scene.environment.batch_time = None
    return scene.submitted()


def look(scene: Scene, job: Job, after: float = 5) -> Job:
    scene.passes(after)
    assert scene.do(ActivityName.OBSERVE_SEARCH, job).next_stage is not None
    return scene.now(job)


def test_failure_24_a_pod_that_failed_is_no_failure_while_kubernetes_tries_again(
    scene: Scene, job: Job
) -> None:
    scene.environment.present(job.elb_job_id)[1].attempts = 2
    assert look(scene, job).phase is Phase.RUNNING
    scene.environment.end_batch(job.elb_job_id, well=False)
    now = look(scene, job)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "search_failed")
    assert now.pending_failure and now.pending_failure.phase is Phase.SEARCH_FAILED
    assert "BackoffLimitExceeded" in (now.error or "")
    assert now.counts.failed == 1


def test_failure_24_jobs_that_are_complete_do_not_complete_a_search(scene: Scene, job: Job) -> None:
    look(scene, job)
    scene.environment.delete(job.elb_job_id, "finalizer")
    for _ in range(2):
        scene.environment.end_batch(job.elb_job_id)
    assert look(scene, job).phase is Phase.RUNNING


def test_failure_25_a_search_whose_jobs_have_vanished_is_judged_by_its_marker(
    scene: Scene, job: Job
) -> None:
    look(scene, job)
    for _ in range(2):
        scene.environment.end_batch(job.elb_job_id)
    scene.passes(TTL.total_seconds() + 1)
    assert {one.app for one in scene.environment.jobs} == {"setup"}
    assert look(scene, job).phase is Phase.EXPORTING_RESULTS
    assert scene.do(ActivityName.COLLECT_RESULTS, job).phase is Phase.COMPLETED


def test_failure_25_a_stale_list_never_turns_a_search_back(scene: Scene, job: Job) -> None:
    scene.cluster.cached_jobs("job-none", timedelta(0))
    before = look(scene, job)
    scene.cluster.is_stale, scene.cluster._snapshot = True, (scene.clock(), {})
    now = look(scene, job)
    assert (now.phase, now.counts) == (before.phase, before.counts) == (Phase.RUNNING, now.counts)
    assert now.unrecoverable_since is None  # before it counts, one looks oneself
    assert now.sequence == before.sequence


def test_failure_23_another_searchs_failure_is_not_ours(scene: Scene, job: Job) -> None:
    other = scene.submitted(2)
    scene.environment.end_batch(other.elb_job_id, well=False)
    assert look(scene, job).phase is Phase.RUNNING
    assert look(scene, other).phase is Phase.CANCELLING


def test_both_markers_are_a_failure(scene: Scene, job: Job) -> None:
    scene.environment.delete(job.elb_job_id)
    for name in ("SUCCESS", "FAILURE"):
        scene.environment._write(job.elb_job_id, f"metadata/{name}.txt", "out of memory")
    assert look(scene, job).error == "out of memory"


def test_r5_a_search_without_jobs_and_marker_has_failed_once_patience_is_over(
    scene: Scene, job: Job
) -> None:
    look(scene, job)
    scene.environment.delete(job.elb_job_id)
    first = look(scene, job)
    assert (first.phase, first.unrecoverable_since) == (Phase.RUNNING, scene.clock())
    assert "no Job remains" in (first.reason or "")
    patience = scene.store.settings.missing_jobs_grace.total_seconds()
    assert look(scene, job, patience) == first
    now = look(scene, job, 1)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "jobs_missing")


def test_a_marker_that_comes_late_ends_the_doubt(scene: Scene, job: Job) -> None:
    scene.environment.delete(job.elb_job_id)
    assert look(scene, job).unrecoverable_since
    scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "x")
    now = look(scene, job)
    assert (now.phase, now.unrecoverable_since, now.reason) == (Phase.EXPORTING_RESULTS, None, None)


def test_failure_29_a_cluster_that_is_away_is_a_reason_and_comes_back(
    scene: Scene, job: Job
) -> None:
    look(scene, job)
    scene.environment.down.add("cluster")
    for _ in range(5):
        away = look(scene, job, 600)
    assert away.phase is Phase.RUNNING
    assert (away.reason or "").startswith(
        "the cluster or the storage could not be read since 2026-11-23T12:"
    )
    assert len(scene.events(job, "observation_failed")) == 1
    scene.environment.down.clear()
    now = look(scene, job)
    assert (now.phase, now.reason) == (Phase.RUNNING, None)


def test_failure_29_a_cluster_that_comes_back_without_the_jobs_is_not_called_away(
    scene: Scene, job: Job
) -> None:
    scene.environment.delete(job.elb_job_id)
    assert look(scene, job).unrecoverable_since
    scene.environment.down.add("cluster")
    assert "could not be read since" in (look(scene, job).reason or "")
    scene.environment.down.clear()
    assert "no Job remains" in (look(scene, job).reason or "")


def test_failure_30_pods_that_wait_say_why_once_and_no_longer_when_they_run(
    scene: Scene, job: Job
) -> None:
    look(scene, job)
    waiting = [one for one in scene.environment.present(job.elb_job_id) if one.app == "blast"]
    for one in waiting:
        one.waiting = "Unschedulable: 0/3 nodes are available"
    assert look(scene, job).reason is None  # a pod may wait for a moment
    now = look(scene, job, 120)
    assert now.reason == "2 of its pods cannot start: Unschedulable: 0/3 nodes are available"
    assert look(scene, job, 60) == now
    for one in waiting:
        one.waiting = None
    assert look(scene, job, 121).reason is None


def test_failure_32_a_reason_that_changes_with_every_look_is_written_now_and_then(
    scene: Scene, job: Job
) -> None:
    scene.environment.usual = Plan()
    look(scene, job)
    one = scene.environment.present(job.elb_job_id)[1]
    for minute in range(2, 32):
        one.waiting = f"Unschedulable: {minute} nodes are too small"
        look(scene, job, 121)
    assert 1 < len(scene.events(job, "progress")) < 15


def test_failure_32_progress_is_written_a_bounded_number_of_times(scene: Scene) -> None:
    scene.environment.batch_time, scene.environment.usual = None, Plan(batches=12)
    job = scene.submitted()
    scene.environment._write(job.elb_job_id, JOB_COUNT_BLOB, "1000")
    look(scene, job)
    for _ in range(11):
        scene.environment.end_batch(job.elb_job_id)
        look(scene, job)
    assert [event.payload["done"] for event in scene.events(job, "progress")] == [1, 11]


def test_i10_all_searches_of_a_cluster_that_look_share_two_lists(scene: Scene, job: Job) -> None:
    others = [scene.submitted(number) for number in range(2, 6)]
    asked = []
    for searches in ([job], [job, *others]):
        scene.passes(180)
        before = scene.environment.calls["cluster"]
        for one in searches:
            scene.do(ActivityName.OBSERVE_SEARCH, one)
        asked.append(scene.environment.calls["cluster"] - before)
    assert asked == [2, 2]  # one list of Jobs, and one of pods that wait


# Results.


@pytest.fixture
def ended(scene: Scene, job: Job) -> Job:
    """A search that says that it has succeeded."""
    for _ in range(2):
        scene.environment.end_batch(job.elb_job_id)
    assert look(scene, job).phase is Phase.EXPORTING_RESULTS
    return job


def test_failure_26_results_that_are_listed_late_are_waited_for(scene: Scene, ended: Job) -> None:
    name = "batch_001-blastn-16s.out.gz"
    scene.environment._write(ended.elb_job_id, name, "")
    decision = scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert (decision.phase, decision.next_stage) == (
        Phase.RESULTS_PENDING,
        Stage.COLLECT,
    )
    assert scene.now(ended).reason == "1 of 2 results were found"
    scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert len(scene.events(ended, "results_pending")) == 1
    scene.environment._write(ended.elb_job_id, name, "hits")
    assert scene.do(ActivityName.COLLECT_RESULTS, ended).phase is Phase.COMPLETED
    now = scene.now(ended)
    assert (now.reason, now.error_code) == (None, None)
    assert scene.events(ended, "completed")[0].payload == {"files": 2, "bytes": 8}


def test_failure_26_a_search_with_fewer_results_than_batches_is_not_completed(
    scene: Scene, ended: Job
) -> None:
    scene.environment._write(ended.elb_job_id, "batch_001-blastn-16s.out.gz", "")
    scene.do(ActivityName.COLLECT_RESULTS, ended)
    scene.passes(121)
    decision = scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert (decision.phase, decision.next_stage) == (Phase.CANCELLING, Stage.CLEAN_UP)
    failure = scene.now(ended).pending_failure
    assert failure and (failure.phase, failure.error) == (
        Phase.RESULTS_MISSING,
        "1 of 2 results were found",
    )


def test_a_search_whose_number_of_batches_is_unknown_needs_one_result_for_each_query_batch(
    scene: Scene, ended: Job
) -> None:
    scene.jobs.update(ended.job_id, "forgotten", counts=Counts())
    for number in range(3):
        scene.environment._write(ended.elb_job_id, f"query_batches/batch_{number:03d}.fa", ">q")
    assert scene.do(ActivityName.COLLECT_RESULTS, ended).phase is Phase.RESULTS_PENDING
    assert scene.now(ended).reason == "2 of 3 results were found"
