"""I5: a search of a batch is retried in the moment in which the batch is deleted.

Whatever the order of their storage calls, and wherever the deletion dies: no search runs for a
deleted batch, and none is left that is not found by its batch.
"""

from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.clients.tables import Table
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict, ControlPlaneError
from shared.jobs import Index, JobStateRepository, deletion
from shared.jobs.deletion import delete_job
from tests.simulation.invariants import assert_nothing_is_left, check_now
from tests.simulation.scene import Scene, Store
from tests.simulation.upkeep import MINUTE, Upkeep
from tests.support.fake_durable import FakeDurable
from tests.support.interleaving import Died, Interleaving, SteppedTable
from tests.support.samples import RECONCILE_AFTER, settings
from triggers.http.job_retry import JobRetry
from triggers.timers.purge import Purger

HOUR = timedelta(hours=1)
DELETED, REFUSED, DIED = "deleted", "refused", "died"


@pytest.fixture
async def store(azurite: Azurite) -> Store:
    """Tables of the test's own: a tick looks at all jobs."""
    return await Store.on(azurite, settings())


@pytest.fixture(autouse=True)
def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order has one call of each process at a time."""
    monkeypatch.setattr(deletion, "PARALLELISM", 1)


class Batch:
    """An ended batch with a completed search and a failed one, and who works on it."""

    def __init__(self, scene: Scene, order: Interleaving) -> None:
        self.scene, self.order = scene, order
        scene.environment.batch_time = MINUTE
        self.durable = FakeDurable(scene.clock)
        self.upkeep = Upkeep(scene, self.durable)

    async def create(self, left: LeftOnCluster) -> None:
        now = self.scene.clock()
        self.parent = await self.scene.accept(
            9, child_count=2, phase=Phase.SEARCH_FAILED, finished_at=now
        )
        ended = {"parent_job_id": self.parent.job_id, "finished_at": now}
        self.done = await self.scene.accept(1, child_number=1, phase=Phase.COMPLETED, **ended)
        self.failed = await self.scene.accept(
            2, child_number=2, phase=Phase.SEARCH_FAILED, left_on_cluster=left, **ended
        )

    def process(self) -> JobStateRepository:
        """A process of its own, whose calls of Tables are made in the order of the test."""
        jobs, index = (
            SteppedTable(Table(table._client), self.order) for table in self.scene.store.tables
        )
        return JobStateRepository(jobs, Index(index, RECONCILE_AFTER), self.scene.clock)

    async def retry(self) -> str:
        jobs = self.process()
        try:
            job = await jobs.get(self.failed.job_id)
            again = await JobRetry(jobs, HOUR, 100).queue(job, None)
        except ControlPlaneError:
            return REFUSED
        await self.scene.drive(again)
        return "retried"

    async def delete(self) -> str:
        jobs = self.process()
        try:
            return DELETED if await delete_job(jobs, await jobs.get(self.parent.job_id)) else ""
        except Conflict:
            return REFUSED

    async def rows(self) -> list[Job]:
        """The batch, its completed search and the one that failed."""
        return [await self.scene.now(job) for job in (self.parent, self.done, self.failed)]

    async def let_time_pass(self) -> None:
        """Until nothing is active: orchestrations run, and reconcile does, which looks at them."""
        until = self.scene.clock() + HOUR
        while await self.is_active():
            assert self.scene.clock() < until
            for driver in self.scene.drivers.values():
                job = await self.scene.jobs.get(driver.start.job_id)
                if driver.ready_at is not None:
                    self.durable.add_running(job.instance_id)
                else:
                    self.durable.ends(job.instance_id, "Completed")
            await self.upkeep.tick()
            await self.check()
            await self.scene.run(MINUTE)
        await self.check()

    async def is_active(self) -> bool:
        late = self.scene.jobs.index.find_overdue(self.scene.clock() + 24 * HOUR)
        return bool([row async for row in late])

    async def check(self) -> None:
        parent, done, failed = await self.rows()
        await check_now(self.scene, [failed], {})
        if parent.phase is Phase.DELETED:
            assert (done.phase, failed.phase) == (Phase.DELETED, Phase.DELETED)
        if failed.phase is Phase.DELETED:
            assert_nothing_is_left(self.scene, failed)
        else:
            listed = (await self.scene.jobs.index.children(parent.job_id, 9)).jobs
            assert failed.job_id in [job.job_id for job in listed]


@pytest.mark.acceptance
@pytest.mark.parametrize("left", LeftOnCluster)
@pytest.mark.parametrize("seed", range(6))
async def test_one_of_the_two_prevails(scene: Scene, seed: int, left: LeftOnCluster) -> None:
    await race(scene, seed, left)


@pytest.mark.faults
@pytest.mark.parametrize("left", LeftOnCluster)
@pytest.mark.parametrize("seed", range(6, 60))
async def test_one_of_the_two_prevails_in_many_orders(
    scene: Scene, seed: int, left: LeftOnCluster
) -> None:
    await race(scene, seed, left)


async def race(scene: Scene, seed: int, left: LeftOnCluster) -> None:
    batch = Batch(scene, Interleaving(seed))
    await batch.create(left)
    retried, deleted = await batch.order.run(batch.retry(), batch.delete())
    assert REFUSED in (retried, deleted) or deleted == "", "a deletion waits for what is retried"
    await batch.let_time_pass()
    parent, done, failed = await batch.rows()
    if deleted == REFUSED:
        assert (parent.phase, done.phase, failed.phase) == (
            Phase.SEARCH_FAILED,
            Phase.COMPLETED,
            Phase.COMPLETED,
        )
    else:
        assert [job.phase for job in (parent, done, failed)] == [Phase.DELETED] * 3
        assert len(scene.environment.processes) <= 1


@pytest.mark.parametrize("calls", range(1, 30, 4))
async def test_a_deletion_that_dies_is_finished_or_has_not_begun(scene: Scene, calls: int) -> None:
    batch = Batch(scene, Interleaving(calls))
    await batch.create(LeftOnCluster.NONE)
    batch.order.dies_after = calls
    [deleted] = await batch.order.run(batch.delete())
    assert isinstance(deleted, Died) or deleted == DELETED
    await batch.let_time_pass()
    parent, done, failed = await batch.rows()
    phases = {job.phase is Phase.DELETED for job in (parent, done, failed)}
    assert len(phases) == 1, "all of it, or nothing"


async def test_a_batch_is_kept_while_a_search_of_it_runs_again(scene: Scene) -> None:
    """Its retention is over, and that of the retried search has not begun."""
    batch = Batch(scene, Interleaving(0))
    await batch.create(LeftOnCluster.NONE)
    purger = Purger(scene.jobs, 2 * HOUR, scene.clock)
    scene.clock.now += 3 * HOUR
    job = await scene.now(batch.failed)
    await scene.drive(await JobRetry(scene.jobs, HOUR, 100).queue(job, None))
    assert await purger.run(batch.durable) == {"removed": 1, "kept": 1}
    assert (await scene.now(batch.failed)).attempt == 2
    await scene.run(10 * MINUTE)
    assert (await scene.now(batch.failed)).phase is Phase.COMPLETED
    scene.clock.now += 3 * HOUR
    assert (await purger.run(batch.durable))["removed"] == 1
    assert await purger.run(batch.durable) == {"removed": 1}
    assert await scene.jobs.find(batch.parent.job_id) is None
