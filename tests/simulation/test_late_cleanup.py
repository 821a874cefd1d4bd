"""Failures 34, 46: jobs that ended while something of them may be left are cleaned up later."""

import logging
from datetime import timedelta

import pytest

from activities.cleanup import Cleanup
from local.azurite import Azurite
from shared.contracts.activities import ActivityInput, ActivityName, CleanupResult, Stage
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.errors import Conflict
from tests.simulation.invariants import check_ended
from tests.simulation.scene import Scene, Store
from tests.simulation.upkeep import MINUTE, Upkeep
from tests.support.fake_durable import FakeDurable
from tests.support.samples import settings

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(azurite: Azurite) -> Store:
    """Tables of the test's own: a tick looks at all jobs."""
    return await Store.on(azurite, settings())


@pytest.fixture
def upkeep(scene: Scene) -> Upkeep:
    return Upkeep(scene, FakeDurable(scene.clock))


async def unconfirmed(scene: Scene, number: int = 1) -> Job:
    """A failed search that ended while its cluster did not answer."""
    scene.environment.batch_time = None
    job = await scene.submitted(number)
    await scene.passes(3)
    await scene.environment.end_batch(job.elb_job_id, well=False)
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    scene.environment.down.add("cluster")
    for _ in range(3):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
        await scene.passes(601)
    scene.environment.down.clear()
    now = await scene.now(job)
    assert now.phase is Phase.SEARCH_FAILED
    return now


async def test_failure_34_a_job_that_ended_without_proof_says_so_and_stays_active(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await unconfirmed(scene)
    assert job.left_on_cluster is LeftOnCluster.UNKNOWN
    assert await upkeep.is_active(job)
    (listed,) = (await scene.jobs.index.page(job.owner, 10, only={"status": "failed"})).jobs
    assert listed.left_on_cluster is LeftOnCluster.UNKNOWN


async def test_failure_34_upkeep_cleans_it_up_and_records_the_proof(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await unconfirmed(scene)
    assert scene.environment.with_pods(job.elb_job_id)
    await upkeep.run(10 * MINUTE)
    now = await scene.now(job)
    assert scene.environment.with_pods(job.elb_job_id) == []
    assert now.left_on_cluster is LeftOnCluster.NONE
    assert now.cleanup_confirmed_at is not None
    assert not await upkeep.is_active(job)
    same = ("phase", "error", "error_code", "finished_at", "attempt")
    assert [getattr(now, name) for name in same] == [getattr(job, name) for name in same]
    event = (await scene.events(job))[-1]
    assert (event.event, event.phase) == ("cleanup_confirmed", Phase.SEARCH_FAILED)
    assert event.payload == {"left_on_cluster": "none", "proof": "nothing is left"}
    await check_ended(scene, [now])


@pytest.mark.acceptance
async def test_failure_34_a_late_cleanup_is_tried_for_a_day_and_abandoned_with_an_error(
    scene: Scene, upkeep: Upkeep, caplog: pytest.LogCaptureFixture
) -> None:
    job = await unconfirmed(scene)
    scene.environment.down.add("cluster")
    calls = scene.environment.calls["cluster"]
    await upkeep.run(DAY + HOUR)
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.SEARCH_FAILED, LeftOnCluster.UNKNOWN)
    assert 60 < (scene.environment.calls["cluster"] - calls) < 100, "each try costs one call"
    assert not await upkeep.is_active(job)
    assert [event.event for event in await scene.events(job)].count("cleanup_abandoned") == 1
    assert (await scene.events(job))[-1].payload["left_on_cluster"] == "unknown"
    logged = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert [text for text in logged if "cleanup_abandoned" in text and job.job_id in text]


@pytest.mark.acceptance
async def test_failure_34_a_cancel_has_it_tried_once_more_after_that(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await unconfirmed(scene)
    scene.environment.down.add("cluster")
    await upkeep.run(DAY + HOUR)
    for _ in range(2):
        await scene.jobs.index.defer(await scene.now(job), scene.clock())  # as a cancel does
        await upkeep.run(2 * MINUTE)
        assert not await upkeep.is_active(job)
    assert (await scene.events(job))[-1].event == "cleanup_abandoned"
    scene.environment.down.clear()
    # Pods outlive their Jobs by seconds: the first cancel deletes, the second proves.
    for _ in range(2):
        await scene.jobs.index.defer(await scene.now(job), scene.clock())
        await upkeep.run(2 * MINUTE)
    assert (await scene.now(job)).left_on_cluster is LeftOnCluster.NONE
    assert [event.event for event in await scene.events(job)][-2:] == [
        "cleanup_abandoned",
        "cleanup_confirmed",
    ]


async def test_a_retry_during_a_late_cleanup_stays_active(
    scene: Scene, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clean-up defers the attempt that it has read, not the one that has begun since."""
    job = await unconfirmed(scene)
    await scene.passes(10 * 3600)
    scene.environment.down.add("cluster")
    clean_up = scene.job_stopper.cleanup.clean_up

    async def retried_meanwhile(seen: Job) -> CleanupResult:
        result = await clean_up(seen)
        await scene.jobs.start_attempt(job.job_id, 2, HOUR)
        return result

    monkeypatch.setattr(Cleanup, "clean_up", lambda self, seen: retried_meanwhile(seen))
    assert await upkeep.tick() == {"unconfirmed": 1}
    assert (await scene.now(job)).attempt == 2
    assert await scene.jobs.index.count_active(job.owner, 10) == 1
    due = scene.clock() + scene.store.settings.reconcile_after + MINUTE
    assert job.job_id in [job_id async for _, job_id in scene.jobs.index.find_overdue(due)]


@pytest.mark.acceptance
async def test_one_cluster_that_does_not_answer_is_asked_for_one_job_a_tick(
    scene: Scene, upkeep: Upkeep
) -> None:
    jobs = [await unconfirmed(scene, number) for number in range(1, 20)]
    scene.environment.down.add("cluster")
    calls = scene.environment.calls["cluster"]
    scene.clock.move(600)
    assert (await upkeep.tick())["unconfirmed"] == len(jobs)
    assert scene.environment.calls["cluster"] - calls <= 8, "those that were asked side by side"


async def test_failure_16_a_proof_of_an_attempt_that_is_over_changes_nothing(
    scene: Scene,
) -> None:
    job = await unconfirmed(scene)
    again = await scene.jobs.start_attempt(job.job_id, 2, HOUR)
    assert await scene.jobs.confirm_cleanup(job, {}) == again
    assert await scene.jobs.abandon_cleanup(job, {}) == again
    assert again.left_on_cluster is LeftOnCluster.UNKNOWN


async def test_the_next_attempt_proves_that_nothing_is_left_of_the_one_before(scene: Scene) -> None:
    job = await unconfirmed(scene)
    again = await scene.jobs.start_attempt(job.job_id, 2, HOUR)
    assert (await scene.do(ActivityName.PREPARE_SEARCH, again)).next_stage is Stage.PREPARE
    assert (await scene.now(again)).left_on_cluster is LeftOnCluster.UNKNOWN
    await scene.passes(10)
    assert (await scene.do(ActivityName.PREPARE_SEARCH, again)).next_stage is Stage.SUBMIT
    assert (await scene.now(again)).left_on_cluster is LeftOnCluster.NONE
    assert scene.environment.with_pods(job.elb_job_id) == []


@pytest.mark.acceptance
async def test_the_late_cleanup_of_a_completed_job_is_abandoned_with_an_error(
    scene: Scene, upkeep: Upkeep, caplog: pytest.LogCaptureFixture
) -> None:
    """What ran on another cluster cannot be cleaned up from here; an error in the log says so."""
    job = await unconfirmed(scene)
    job = await scene.jobs.start_attempt(job.job_id, 2, HOUR)
    await scene.jobs.update(job.job_id, "elsewhere", other_cluster="the cluster other1")
    scene.environment.batch_time = MINUTE
    await scene.drive(job)
    await scene.run(10 * MINUTE)
    ended = await scene.now(job)
    assert (ended.phase, ended.left_on_cluster) == (Phase.COMPLETED, LeftOnCluster.UNKNOWN)
    assert await upkeep.is_active(job)
    await upkeep.run(DAY + HOUR)
    assert not await upkeep.is_active(job)
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.COMPLETED, LeftOnCluster.UNKNOWN)
    assert (await scene.events(job))[-1].event == "cleanup_abandoned"
    assert any("cleanup_abandoned" in record.getMessage() for record in caplog.records)
    await check_ended(scene, [now])


@pytest.mark.parametrize("left", LeftOnCluster)
async def test_a_completed_batch_says_what_an_earlier_attempt_of_a_search_left(
    scene: Scene, left: LeftOnCluster
) -> None:
    batch = await scene.accept(7, child_count=2, phase=Phase.EXPORTING_RESULTS)
    ended = {"parent_job_id": batch.job_id, "phase": Phase.COMPLETED}
    await scene.accept(1, child_number=1, **ended)
    await scene.accept(2, child_number=2, attempt=2, left_on_cluster=left, **ended)
    await scene.job_stopper.batch.observe_children(ActivityInput(batch.job_id, 1))
    now = await scene.now(batch)
    assert (now.phase, now.left_on_cluster) == (Phase.COMPLETED, left)


async def test_a_job_that_is_to_be_deleted_is_cleaned_up_first(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await unconfirmed(scene)
    await scene.jobs.request_delete(job.job_id)
    assert await upkeep.is_active(job)
    await upkeep.run(10 * MINUTE)
    assert scene.environment.with_pods(job.elb_job_id) == []
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.DELETED, LeftOnCluster.NONE)


async def test_a_job_that_is_to_be_cleaned_up_is_not_removed(scene: Scene) -> None:
    job = await unconfirmed(scene)
    assert not await scene.jobs.purge(job)
    abandoned = await scene.jobs.abandon_cleanup(job, {})
    assert await scene.jobs.purge(abandoned)


async def test_nothing_else_changes_a_job_that_has_ended(scene: Scene) -> None:
    """I2: the two events are the only ones, each is written once, and only where it is true."""
    job = await unconfirmed(scene)
    with pytest.raises(Conflict):
        await scene.jobs.update(job.job_id, "anything", reason="else")
    first = await scene.jobs.abandon_cleanup(job, {})
    assert await scene.jobs.abandon_cleanup(job, {}) == first
    proven = await scene.jobs.confirm_cleanup(job, {"proof": "a look"})
    assert await scene.jobs.confirm_cleanup(job, {"proof": "another"}) == proven
    assert await scene.jobs.abandon_cleanup(job, {}) == proven
    assert proven.sequence == job.sequence + 2


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.COMPLETED])
async def test_a_job_of_which_nothing_is_left_has_no_proof_to_come(
    scene: Scene, phase: Phase
) -> None:
    job = await scene.accept(phase=phase)
    assert await scene.jobs.confirm_cleanup(job, {}) == job
    assert await scene.jobs.abandon_cleanup(job, {}) == job


async def test_a_cancelled_batch_is_not_called_cancelled_while_a_search_may_be_left(
    scene: Scene, upkeep: Upkeep
) -> None:
    """No proof, no `cancelled`: a batch's searches are its own."""
    batch = await scene.accept(7, child_count=2)
    child = await scene.submitted(1, parent_job_id=batch.job_id, child_number=1)
    other = await scene.accept(2, parent_job_id=batch.job_id, child_number=2)
    for job in (batch, child, other):
        await scene.cancel(job)
    for job in (child, other, other):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert (await scene.now(other)).phase is Phase.CANCELLED
    scene.environment.down.add("cluster")
    scene.clock.now = (await scene.now(child)).deadline_at + timedelta(minutes=11)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, child)
    assert (await scene.now(child)).error_code == "cleanup_unconfirmed"
    for _ in range(3):
        await scene.job_stopper.stop(batch.job_id)
    now = await scene.now(batch)
    assert (now.phase.status, now.error_code) == (Status.FAILED, "cleanup_unconfirmed")
    assert now.left_on_cluster is LeftOnCluster.UNKNOWN
    scene.environment.down.clear()
    await upkeep.run(HOUR)
    for job in (child, batch):
        assert (await scene.now(job)).left_on_cluster is LeftOnCluster.NONE
        assert not await upkeep.is_active(job)
