"""The reconciler recovers overdue jobs: none is lost and none is started twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.contracts.activities import Decision, Stage
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.jobs import Index, JobStateRepository
from shared.jobs.deletion import delete_if_requested
from shared.jobs.rows import active_partition
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import NOON, RECONCILE_AFTER, job, publish_nothing, settings
from tests.triggers.timers.conftest import LATE, Store, late_job, no_stopper
from triggers.timers.reconcile import ORPHAN_GRACE, Reconciler


@pytest.fixture
def reconciler(jobs: JobStateRepository, clock: Clock) -> Reconciler:
    return Reconciler(jobs, settings(), clock, publish_nothing, no_stopper)


async def events(jobs: JobStateRepository, stored: Job) -> list[str]:
    return [event.event for event in await jobs.events(stored.job_id)]


async def test_failure_13_a_job_whose_start_failed_is_started(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, reconciler: Reconciler
) -> None:
    stored = await late_job(jobs, clock)
    assert await reconciler.tick(durable) == {"restarted": 1}
    begun = durable.instances[stored.job_id].input_
    assert (begun["stage"], begun["step"], begun["attempt"]) == (Stage.PREPARE, 1, 1)
    assert await events(jobs, stored) == ["accepted", "orchestration_restarted"]
    assert await reconciler.tick(durable) == {}


async def test_failure_42_a_job_of_a_lost_task_hub_continues_after_its_last_step(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, reconciler: Reconciler
) -> None:
    report = Decision(Stage.WATCH)
    stored = await late_job(jobs, clock, phase=Phase.RUNNING, step=17, decision=report, attempt=2)
    await reconciler.tick(durable)
    begun = durable.instances[f"{stored.job_id}-2"].input_
    assert (begun["stage"], begun["step"], begun["attempt"]) == (Stage.WATCH, 18, 2)
    payload = (await jobs.events(stored.job_id))[-1].payload
    assert (payload["runtime_status"], payload["step"]) == ("none", 18)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Terminated", "Canceled"])
async def test_an_orchestration_that_ended_before_its_job_is_started_again(
    status: str,
    jobs: JobStateRepository,
    clock: Clock,
    durable: FakeDurable,
    reconciler: Reconciler,
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.RUNNING)
    durable.ends(stored.job_id, status)
    assert await reconciler.tick(durable) == {"restarted": 1}
    assert (await jobs.events(stored.job_id))[-1].payload["runtime_status"] == status


async def test_a_running_orchestration_is_not_touched(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, reconciler: Reconciler
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.RUNNING)
    durable.add_running(stored.job_id)
    assert await reconciler.tick(durable) == {"running": 1}
    assert await reconciler.tick(durable) == {}, "until it is late again"
    assert (await jobs.get(stored.job_id), durable.called("start_new")) == (stored, 0)
    clock.move(LATE)
    durable.add_running(stored.job_id)
    assert await reconciler.tick(durable) == {"running": 1}


async def test_failure_31_a_stuck_orchestration_is_recorded_once(
    jobs: JobStateRepository,
    clock: Clock,
    durable: FakeDurable,
    reconciler: Reconciler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.RUNNING)
    durable.add_running(stored.job_id)
    since = clock()
    result = []
    for _ in range(9):
        clock.move(LATE)
        result.append(await reconciler.tick(durable))
    # The longest delay is 15 minutes; RECONCILE_AFTER is added, as for any job.
    assert result == [{"running": 1}] * 3 + [{"stuck": 1}] * 6
    now = await jobs.get(stored.job_id)
    assert now.reason == f"its orchestration has not moved since {since:%Y-%m-%d %H:%M:%S} UTC"
    assert now.phase is Phase.RUNNING
    assert await events(jobs, stored) == ["accepted", "orchestration_stuck"]
    assert caplog.text.count("orchestration_stuck") == 1


async def test_failure_16_a_job_that_ends_during_the_check_is_not_restarted(
    jobs: JobStateRepository, clock: Clock, reconciler: Reconciler
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.RUNNING)

    class EndsNow(FakeDurable):
        async def get_status(self, instance_id: str) -> Any:
            await jobs.update(instance_id, "search_failed", phase=Phase.SEARCH_FAILED)
            self.ends(instance_id, "Completed")
            return await super().get_status(instance_id)

    durable = EndsNow(clock)
    assert await reconciler.tick(durable) == {"moved": 1}
    assert durable.called("start_new") == 0
    assert await events(jobs, stored) == ["accepted", "search_failed"]


async def test_an_active_row_without_a_job_is_dropped_after_the_grace_time(
    jobs: JobStateRepository,
    store: Store,
    clock: Clock,
    durable: FakeDurable,
    reconciler: Reconciler,
) -> None:
    await jobs.index.mark_active(job())
    clock.move(LATE)
    await reconciler.tick(durable)
    assert await store.late() == [job().job_id], "the accepting process may be slow"
    clock.now = NOON + ORPHAN_GRACE + RECONCILE_AFTER
    await reconciler.tick(durable)
    assert (await store.late(), durable.calls) == ([], [])
    await jobs.create(job(), {})  # the job row comes very late and is still found
    assert await store.late() == [job().job_id]


async def test_the_active_row_of_an_earlier_attempt_is_removed(
    jobs: JobStateRepository,
    store: Store,
    clock: Clock,
    durable: FakeDurable,
    reconciler: Reconciler,
) -> None:
    """A retried search of a batch counts by itself, so that its row is in another partition."""
    failed = await jobs.create(
        job(phase=Phase.SEARCH_FAILED, parent_job_id="job-p", child_number=1), {}
    )
    await jobs.start_attempt(failed.job_id, 2, timedelta(days=1))
    durable.add_running(f"{failed.job_id}-2")
    clock.move(LATE)
    assert await store.late() == [failed.job_id] * 2
    await reconciler.tick(durable)
    assert await store.late() == []
    clock.move(LATE)
    assert await store.late() == [failed.job_id], "its own row stays"


async def test_failure_20_index_rows_are_repaired_after_a_crash_of_the_writer(
    jobs: JobStateRepository,
    store: Store,
    clock: Clock,
    durable: FakeDurable,
    reconciler: Reconciler,
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.RUNNING)

    class Died(Exception):
        pass

    class DiesBehindTheRow(JobStateRepository):
        async def sync(self, job: Job, before: Job | None = None) -> bool:
            raise Died

    dying = DiesBehindTheRow(store.jobs_table, jobs.index, clock)
    with pytest.raises(Died):
        await dying.update(stored.job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    assert await reconciler.tick(durable) == {"settled": 1}
    (listed,) = (await jobs.index.page(stored.owner, 10)).jobs
    assert (listed.phase, await store.late()) == (Phase.SEARCH_FAILED, [])
    assert durable.calls == []


async def test_two_concurrent_ticks_restart_a_lost_job_once(store: Store, clock: Clock) -> None:
    both_have_listed, both_have_asked = asyncio.Barrier(2), asyncio.Barrier(2)

    class RacedIndex(Index):
        async def find_overdue(self, now: datetime) -> AsyncIterator[tuple[str, str]]:
            overdue = [item async for item in super().find_overdue(now)]
            # Otherwise one tick could defer the job before the other.
            await asyncio.wait_for(both_have_listed.wait(), 60)
            for key in overdue:
                yield key

    class RacedDurable(FakeDurable):
        async def get_status(self, instance_id: str) -> Any:
            status = await super().get_status(instance_id)
            if self.called("start_new") == 0:
                await asyncio.wait_for(both_have_asked.wait(), 60)
            return status

    index = RacedIndex(store.index_table, RECONCILE_AFTER)
    jobs = JobStateRepository(store.jobs_table, index, clock)
    lost = await late_job(jobs, clock, phase=Phase.RUNNING)
    durable = RacedDurable(clock)
    reconciler = Reconciler(jobs, settings(), clock, publish_nothing, no_stopper)
    results = await asyncio.gather(reconciler.tick(durable), reconciler.tick(durable))
    assert sorted(name for result in results for name in result) == ["restarted", "running"]
    assert await events(jobs, lost) == ["accepted", "orchestration_restarted"]


async def test_a_batch_waits_longer_and_longer_for_the_proof_of_a_search(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, reconciler: Reconciler
) -> None:
    parent = await late_job(jobs, clock, phase=Phase.SEARCH_FAILED, child_count=1, finished_at=NOON)
    search = job(
        2,
        phase=Phase.SEARCH_FAILED,
        parent_job_id=parent.job_id,
        child_number=1,
        left_on_cluster=LeftOnCluster.UNKNOWN,
        cleanup_abandoned_at=NOON,
    )
    await jobs.create(search, {})
    await jobs.sync(search)
    await jobs.request_delete(parent.job_id)
    clock.now = NOON + timedelta(hours=3)
    await jobs.index.remove_active(active_partition(search), search.job_id)
    assert await reconciler.tick(durable) == {"delete_pending": 1}
    overdue = [
        job_id async for _, job_id in jobs.index.find_overdue(clock() + timedelta(minutes=17))
    ]
    assert overdue == [search.job_id], "its clean-up is tried once more, and then the batch again"
    assert (await jobs.get(parent.job_id)).phase is Phase.SEARCH_FAILED


async def test_a_batch_that_ended_is_deleted_if_its_owner_wants_that(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, reconciler: Reconciler
) -> None:
    stored = await late_job(jobs, clock, phase=Phase.CANCELLING, child_count=1)
    await jobs.request_delete(stored.job_id)
    ended = await jobs.update(stored.job_id, "cancelled", phase=Phase.CANCELLED)
    await delete_if_requested(jobs, ended)
    clock.move(1)
    assert await reconciler.tick(durable) == {"deleted": 1}
    assert (await jobs.get(stored.job_id)).phase is Phase.DELETED
    clock.move(LATE)
    assert await reconciler.tick(durable) == {}
