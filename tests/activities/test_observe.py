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
async def job(scene: Scene) -> Job:
    """A search that has just been submitted; its two batches run until the test ends them."""
    scene.environment.batch_time = None
    return await scene.submitted()


async def look(scene: Scene, job: Job, after: float = 5) -> Job:
    await scene.passes(after)
    assert (await scene.do(ActivityName.OBSERVE_SEARCH, job)).next_stage is not None
    return await scene.now(job)


async def test_failure_24_a_pod_that_failed_is_no_failure_while_kubernetes_tries_again(
    scene: Scene, job: Job
) -> None:
    scene.environment.present(job.elb_job_id)[1].attempts = 2
    assert (await look(scene, job)).phase is Phase.RUNNING
    await scene.environment.end_batch(job.elb_job_id, well=False)
    now = await look(scene, job)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "search_failed")
    assert now.pending_failure and now.pending_failure.phase is Phase.SEARCH_FAILED
    assert "BackoffLimitExceeded" in (now.error or "")
    assert now.counts.failed == 1


async def test_failure_24_jobs_that_are_complete_do_not_complete_a_search(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    scene.environment.delete(job.elb_job_id, "finalizer")
    for _ in range(2):
        await scene.environment.end_batch(job.elb_job_id)
    assert (await look(scene, job)).phase is Phase.RUNNING


async def test_failure_25_a_search_whose_jobs_have_vanished_is_judged_by_its_marker(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    for _ in range(2):
        await scene.environment.end_batch(job.elb_job_id)
    await scene.passes(TTL.total_seconds() + 1)
    assert {one.app for one in scene.environment.jobs} == {"setup"}
    assert (await look(scene, job)).phase is Phase.EXPORTING_RESULTS
    assert (await scene.do(ActivityName.COLLECT_RESULTS, job)).next_stage is Stage.INDEX
    assert (await scene.do(ActivityName.PLAN_INDEX, job)).phase is Phase.COMPLETED


async def test_failure_25_a_stale_list_never_turns_a_search_back(scene: Scene, job: Job) -> None:
    await scene.cluster.cached_jobs("job-none", timedelta(0))
    before = await look(scene, job)
    scene.cluster.is_stale, scene.cluster._snapshot = True, (scene.clock(), {})
    now = await look(scene, job)
    assert (now.phase, now.counts) == (before.phase, before.counts) == (Phase.RUNNING, now.counts)
    assert now.unrecoverable_since is None  # before it counts, one looks oneself
    assert now.sequence == before.sequence


async def test_failure_23_another_searchs_failure_is_not_ours(scene: Scene, job: Job) -> None:
    other = await scene.submitted(2)
    await scene.environment.end_batch(other.elb_job_id, well=False)
    assert (await look(scene, job)).phase is Phase.RUNNING
    assert (await look(scene, other)).phase is Phase.CANCELLING


async def test_both_markers_are_a_failure(scene: Scene, job: Job) -> None:
    scene.environment.delete(job.elb_job_id)
    for name in ("SUCCESS", "FAILURE"):
        await scene.environment._write(job.elb_job_id, f"metadata/{name}.txt", "out of memory")
    assert (await look(scene, job)).error == "out of memory"


async def test_r5_a_search_without_jobs_and_marker_has_failed_once_patience_is_over(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    scene.environment.delete(job.elb_job_id)
    first = await look(scene, job)
    assert (first.phase, first.unrecoverable_since) == (Phase.RUNNING, scene.clock())
    assert "no Job remains" in (first.reason or "")
    patience = scene.store.settings.missing_jobs_grace.total_seconds()
    assert await look(scene, job, patience) == first
    now = await look(scene, job, 1)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "jobs_missing")


async def test_a_marker_that_comes_late_ends_the_doubt(scene: Scene, job: Job) -> None:
    scene.environment.delete(job.elb_job_id)
    assert (await look(scene, job)).unrecoverable_since
    await scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "x")
    now = await look(scene, job)
    assert (now.phase, now.unrecoverable_since, now.reason) == (Phase.EXPORTING_RESULTS, None, None)


async def test_failure_29_a_cluster_that_is_away_is_a_reason_and_comes_back(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    scene.environment.down.add("cluster")
    for _ in range(5):
        away = await look(scene, job, 600)
    assert away.phase is Phase.RUNNING
    assert (away.reason or "").startswith(
        "the cluster or the storage could not be read since 2026-11-23T12:"
    )
    assert len(await scene.events(job, "observation_failed")) == 1
    scene.environment.down.clear()
    now = await look(scene, job)
    assert (now.phase, now.reason) == (Phase.RUNNING, None)


async def test_failure_29_a_cluster_that_comes_back_without_the_jobs_is_not_called_away(
    scene: Scene, job: Job
) -> None:
    scene.environment.delete(job.elb_job_id)
    assert (await look(scene, job)).unrecoverable_since
    scene.environment.down.add("cluster")
    assert "could not be read since" in ((await look(scene, job)).reason or "")
    scene.environment.down.clear()
    assert "no Job remains" in ((await look(scene, job)).reason or "")


async def test_failure_30_pods_that_wait_say_why_once_and_no_longer_when_they_run(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    waiting = [one for one in scene.environment.present(job.elb_job_id) if one.app == "blast"]
    for one in waiting:
        one.waiting = "Unschedulable: 0/3 nodes are available"
    assert (await look(scene, job)).reason is None  # a pod may wait for a moment
    now = await look(scene, job, 120)
    assert now.reason == "2 of its pods cannot start: Unschedulable: 0/3 nodes are available"
    assert await look(scene, job, 60) == now
    for one in waiting:
        one.waiting = None
    assert (await look(scene, job, 121)).reason is None


async def test_failure_32_a_reason_that_changes_with_every_look_is_written_now_and_then(
    scene: Scene, job: Job
) -> None:
    scene.environment.usual = Plan()
    await look(scene, job)
    one = scene.environment.present(job.elb_job_id)[1]
    for minute in range(2, 32):
        one.waiting = f"Unschedulable: {minute} nodes are too small"
        await look(scene, job, 121)
    assert 1 < len(await scene.events(job, "progress")) < 15


async def test_failure_32_progress_is_written_a_bounded_number_of_times(scene: Scene) -> None:
    scene.environment.batch_time, scene.environment.usual = None, Plan(batches=12)
    job = await scene.submitted()
    await scene.environment._write(job.elb_job_id, JOB_COUNT_BLOB, "1000")
    await look(scene, job)
    for _ in range(11):
        await scene.environment.end_batch(job.elb_job_id)
        await look(scene, job)
    assert [event.payload["succeeded"] for event in await scene.events(job, "progress")] == [1, 11]


async def test_i10_all_searches_of_a_cluster_that_look_share_two_lists(
    scene: Scene, job: Job
) -> None:
    others = [await scene.submitted(number) for number in range(2, 6)]
    asked = []
    for searches in ([job], [job, *others]):
        await scene.passes(180)
        before = scene.environment.calls["cluster"]
        for one in searches:
            await scene.do(ActivityName.OBSERVE_SEARCH, one)
        asked.append(scene.environment.calls["cluster"] - before)
    assert asked == [2, 2]  # one list of Jobs, and one of pods that wait


# Results.


@pytest.fixture
async def ended(scene: Scene, job: Job) -> Job:
    """A search that says that it has succeeded."""
    for _ in range(2):
        await scene.environment.end_batch(job.elb_job_id)
    assert (await look(scene, job)).phase is Phase.EXPORTING_RESULTS
    return job


async def test_failure_26_results_that_are_listed_late_are_waited_for(
    scene: Scene, ended: Job
) -> None:
    name = "batch_001-blastn-16s.out.gz"
    await scene.environment._write(ended.elb_job_id, name, "")
    decision = await scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert (decision.phase, decision.next_stage) == (
        Phase.RESULTS_PENDING,
        Stage.COLLECT,
    )
    assert (await scene.now(ended)).reason == "1 of 2 results were found"
    await scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert len(await scene.events(ended, "results_pending")) == 1
    await scene.environment._write(ended.elb_job_id, name, "hits")
    assert (await scene.do(ActivityName.COLLECT_RESULTS, ended)).next_stage is Stage.INDEX
    assert (await scene.do(ActivityName.PLAN_INDEX, ended)).phase is Phase.COMPLETED
    now = await scene.now(ended)
    assert (now.reason, now.error_code) == (None, None)
    collected = (await scene.events(ended, "results_collected"))[0]
    assert (collected.payload, collected.phase) == (
        {"files": 2, "bytes": 8, "succeeded": 2},
        Phase.EXPORTING_RESULTS,
    )
    assert (await scene.events(ended, "completed"))[0].phase is Phase.COMPLETED


async def test_failure_26_a_search_with_fewer_results_than_batches_is_not_completed(
    scene: Scene, ended: Job
) -> None:
    await scene.environment._write(ended.elb_job_id, "batch_001-blastn-16s.out.gz", "")
    await scene.do(ActivityName.COLLECT_RESULTS, ended)
    await scene.passes(121)
    decision = await scene.do(ActivityName.COLLECT_RESULTS, ended)
    assert (decision.phase, decision.next_stage) == (Phase.CANCELLING, Stage.CLEAN_UP)
    failure = (await scene.now(ended)).pending_failure
    assert failure and (failure.phase, failure.error) == (
        Phase.RESULTS_MISSING,
        "1 of 2 results were found",
    )


async def test_a_search_whose_number_of_batches_is_unknown_needs_one_result_for_each_query_batch(
    scene: Scene, ended: Job
) -> None:
    await scene.jobs.update(ended.job_id, "forgotten", counts=Counts())
    for number in range(3):
        await scene.environment._write(
            ended.elb_job_id, f"query_batches/batch_{number:03d}.fa", ">q"
        )
    assert (await scene.do(ActivityName.COLLECT_RESULTS, ended)).phase is Phase.RESULTS_PENDING
    assert (await scene.now(ended)).reason == "2 of 3 results were found"
