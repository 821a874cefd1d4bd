"""The purge removes expired jobs completely, even if runs are interrupted, and nothing else."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from shared.clients.tables import LARGEST_TRANSACTION, Insert, Row, Table, Write
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from shared.jobs import JobStateRepository
from shared.jobs.rows import active_partition, event_row, list_row
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import NOON, job
from tests.triggers.timers.conftest import LATE, Store
from triggers.timers.bounded_work import PARALLELISM
from triggers.timers.purge import MAX_RUN_TIME, Purger

DAY = timedelta(days=1)
RETENTION = 90 * DAY


def purger(jobs: JobStateRepository, clock: Clock, most: int = 100) -> Purger:
    return Purger(jobs, RETENTION, clock, most)


async def ended(jobs: JobStateRepository, number: int = 1, **changes: object) -> Job:
    """A job that has just ended."""
    stored = await jobs.create(job(number, phase=Phase.RUNNING, **changes), {})
    return await jobs.update(stored.job_id, "search_failed", phase=Phase.SEARCH_FAILED)


async def kept(store: Store) -> set[str]:
    """Partition and row key of every row."""
    tables = (store.jobs_table, store.index_table)
    result = [row for table in tables async for row in table.query("", {})]
    return {f"{stored.columns['PartitionKey']}/{stored.columns['RowKey']}" for stored in result}


async def test_an_expired_job_is_removed_with_all_its_rows(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    stored = await ended(jobs)
    await jobs.start_attempt(stored.job_id, 2, DAY)
    await jobs.update(stored.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)
    durable.ends(stored.job_id, "Completed")
    durable.ends(f"{stored.job_id}-2", "Completed")
    clock.move(RETENTION.total_seconds() - 1)
    assert await purger(jobs, clock).run(durable) == {}
    clock.move(2)
    assert await purger(jobs, clock).run(durable) == {"removed": 1}
    assert (await kept(store), durable.instances) == (set(), {})


async def test_recent_active_and_unsettled_jobs_are_kept(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    await jobs.create(job(1, phase=Phase.RUNNING), {})
    owes = await ended(jobs, 2, notify=True)
    clock.move(2 * RETENTION.total_seconds())
    await ended(jobs, 3)
    before = await kept(store)
    assert await purger(jobs, clock).run(durable) == {"kept": 1}
    assert await kept(store) == before
    for message in await jobs.pending_messages(owes.job_id):
        await jobs.mark_sent(owes.job_id, message.sequence)
    await jobs.sync(owes)
    assert await purger(jobs, clock).run(durable) == {"removed": 1}
    assert [stored.job_id for stored in (await jobs.index.page(owes.owner, 9)).jobs] == [
        job(1).job_id,
        job(3).job_id,
    ]


class Died(BaseException):
    """A process crash, which no error handler catches."""


class Mortal(Table):
    """A table whose process crashes just before or after one of its writes."""

    def __init__(self, real: Table, left: list[int]) -> None:
        """`left`: number of such moments before the crash."""
        self.__dict__ |= real.__dict__
        self._left = left

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        assert len(writes) <= LARGEST_TRANSACTION
        self._live()
        etags = await super().commit(writes)
        self._live()
        return etags

    async def delete(self, partition: str, key: str) -> None:
        self._live()
        await super().delete(partition, key)
        self._live()

    def _live(self) -> None:
        if not self._left[0]:
            raise Died
        self._left[0] -= 1


@pytest.mark.acceptance
@pytest.mark.parametrize(("events", "instants"), [(5, 4), (110, 6)])
async def test_a_run_that_crashed_anywhere_is_completed_by_the_next(
    events: int,
    instants: int,
    store: Store,
    jobs: JobStateRepository,
    clock: Clock,
    durable: FakeDurable,
) -> None:
    for lived in range(instants + 1):
        stored = await with_events(store, await ended(jobs, lived), events)
        clock.move(RETENTION.total_seconds() + 1)
        left = [lived]
        dying = store.over(
            *(Mortal(table, left) for table in (store.jobs_table, store.index_table))
        )
        with pytest.raises(Died) if lived < instants else nullcontext():
            await purger(dying, clock).run(durable)
        if await jobs.find(stored.job_id):
            numbers = [event.sequence for event in await jobs.events(stored.job_id)]
            assert numbers == list(range(1, len(numbers) + 1)), "what is left has no gap"
        await purger(jobs, clock).run(durable)
        assert await kept(store) == set()


async def with_events(store: Store, stored: Job, most: int) -> Job:
    """Add events to a job with few writes."""
    numbers = range(stored.sequence + 1, most + 1)
    rows = [event_row(Event(stored.job_id, n, "noted", NOON, stored.phase, {})) for n in numbers]
    for start in range(0, len(rows), LARGEST_TRANSACTION):
        await store.jobs_table.commit(
            [Insert(row) for row in rows[start : start + LARGEST_TRANSACTION]]
        )
    return stored


async def test_failure_16_a_job_retried_during_its_removal_is_kept(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    stored = await ended(jobs)

    class Retried(Table):
        """A table in which the job is retried while it is read."""

        async def query(self, *arguments: Any, **named: Any) -> AsyncGenerator[Row, None]:
            await jobs.start_attempt(stored.job_id, 2, DAY)
            async for row in super().query(*arguments, **named):
                yield row

    retried = Retried.__new__(Retried)
    retried.__dict__ |= store.jobs_table.__dict__
    clock.move(RETENTION.total_seconds() + 1)
    assert await purger(store.over(retried), clock).run(durable) == {"kept": 1}
    now = await jobs.get(stored.job_id)
    assert (now.phase, now.attempt) == (Phase.QUEUED, 2)
    assert [event.sequence for event in await jobs.events(stored.job_id)] == [1, 2, 3]
    assert not await jobs.purge(stored), "it is not the one that was read"


async def test_a_newer_job_with_the_same_id_is_not_removed(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    """A run crashed before the last write; then the same key was used again."""
    first = await ended(jobs)
    assert await jobs.purge(first)
    clock.move(RETENTION.total_seconds() + 1)
    second = await jobs.create(job(created_at=clock(), updated_at=clock()), {})
    assert second.job_id == first.job_id
    await purger(jobs, clock).run(durable)
    assert (await jobs.index.page(first.owner, 9)).jobs == (second,)
    assert await jobs.get(first.job_id) == second


async def test_a_job_is_kept_if_its_history_cannot_be_removed(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    for number in (1, 2):
        await ended(jobs, number)
    clock.move(RETENTION.total_seconds() + 1)
    durable.refuses = {f"purge {job(1).job_id}"}
    assert await purger(jobs, clock).run(durable) == {"removed": 1, "failed": 1}
    durable.refuses = set()
    assert await purger(jobs, clock).run(durable) == {"removed": 1}
    assert await kept(store) == set()


async def test_a_run_is_bounded_in_count_and_in_time(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    for number in range(2 * PARALLELISM + 1):
        await ended(jobs, number)
    clock.move(RETENTION.total_seconds() + 1)
    assert await purger(jobs, clock, most=3).run(durable) == {"removed": PARALLELISM}

    class Slow(FakeDurable):
        async def purge_instance_history(self, instance_id: str) -> Any:
            clock.now += MAX_RUN_TIME
            return await super().purge_instance_history(instance_id)

    assert await purger(jobs, clock).run(Slow(clock)) == {"removed": PARALLELISM}
    assert await purger(jobs, clock).run(durable) == {"removed": 1}


async def test_jobs_that_are_kept_do_not_use_up_a_run(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    """They stay the first of their list, run after run: their messages cannot be sent."""
    await ended(jobs, 1)
    clock.move(1)
    for number in range(2, 2 + 2 * PARALLELISM):
        await ended(jobs, number, notify=True, created_at=clock.now)
    clock.move(RETENTION.total_seconds() + 1)
    results = await purger(jobs, clock, most=PARALLELISM).run(durable)
    assert results == {"kept": 2 * PARALLELISM, "removed": 1}


async def test_a_job_without_an_active_row_is_repaired(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    """A delayed writer of the previous attempt removed the active row of this attempt, and died."""
    first = await ended(jobs)
    again = await jobs.start_attempt(first.job_id, 2, DAY)
    await jobs.index.remove_active(active_partition(first), first.job_id)
    clock.move(10 * LATE)
    assert await store.late() == []
    assert await purger(jobs, clock).run(durable) == {"repaired": 1}
    assert await store.late() == [again.job_id]
    assert await purger(jobs, clock).run(durable) == {}


async def test_failure_20_a_list_row_of_an_ended_job_is_repaired(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    running = await jobs.create(job(phase=Phase.RUNNING), {})
    await jobs.update(running.job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    stale = list_row(running)
    await store.index_table.upsert(stale)
    assert await purger(jobs, clock).run(durable) == {"repaired": 1}
    (listed,) = (await jobs.index.page(running.owner, 9)).jobs
    assert listed.phase is Phase.SEARCH_FAILED


async def test_a_search_is_kept_while_its_batch_is_active(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    parent = await jobs.create(job(2, phase=Phase.RUNNING, child_count=1), {})
    child = await ended(jobs, parent_job_id=parent.job_id, child_number=1)
    clock.move(RETENTION.total_seconds() + 1)
    assert await purger(jobs, clock).run(durable) == {"kept": 1}
    await jobs.update(parent.job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    assert await purger(jobs, clock).run(durable) == {"removed": 1}
    assert await jobs.find(child.job_id) is None
