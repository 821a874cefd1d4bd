"""A tick also removes the claims of contents that have expired, within a time of their own."""

from collections.abc import Sequence

import pytest

from shared.clients.tables import LARGEST_TRANSACTION, Table, Write
from shared.contracts.job import Caller
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from shared.jobs.claims import LIFETIME
from shared.jobs.rows import job_row
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import ALICE, BOB, job, publish_nothing, settings
from tests.triggers.timers.conftest import Store, late_job, no_stopper
from triggers.timers.reconcile import MAX_CLAIMS_TIME, Reconciler


class Slow(Table):
    """A table in which each transaction takes some time."""

    def __init__(self, table: Table, clock: Clock, seconds: float) -> None:
        super().__init__(table._client)
        self._clock, self._seconds = clock, seconds

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        self._clock.move(self._seconds)
        return await super().commit(writes)


class Away(Table):
    """A table that takes no transaction."""

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        raise Unavailable("storage_unavailable", "Tables cannot be reached")


def reconciler(jobs: JobStateRepository, clock: Clock) -> Reconciler:
    return Reconciler(jobs, settings(), clock, publish_nothing, no_stopper)


async def keys(store: Store) -> set[str]:
    return {each.columns["RowKey"] async for each in store.index_table.query("", {})}


async def claims(store: Store) -> int:
    return sum(key.startswith("claim-") for key in await keys(store))


async def claim(store: Store, number: int, owner: Caller) -> None:
    index, content = store.over().index, f"content {number}"
    found = await index.claims.find(owner, content, 9, store.clock.now)
    await index.claim(found, job(number, owner=owner, created_at=store.clock.now))


async def damaged_job(store: Store, clock: Clock) -> None:
    """An overdue job, on which reconcile crashes."""
    await late_job(store.over(), clock, 2, phase=Phase.RUNNING)
    damaged = job_row(job(2))
    del damaged["owner_oid"]
    await store.jobs_table.upsert(damaged)


@pytest.mark.acceptance
async def test_expired_claims_are_removed(store: Store, clock: Clock, durable: FakeDurable) -> None:
    """Of as many owners and contents as there are; those of younger jobs stay."""
    for number in range(LARGEST_TRANSACTION + 2):
        await claim(store, number, ALICE)
    await claim(store, 500, BOB)
    clock.move(LIFETIME.total_seconds() + 1)
    await claim(store, 501, BOB)
    assert len(await keys(store)) == 2 * (LARGEST_TRANSACTION + 4)
    await reconciler(store.over(), clock).tick(durable)
    left = await keys(store)
    assert [key for key in left if not key.startswith("claim-")] == [job(501).job_id]
    assert len(left) == 2


async def test_expired_claims_are_removed_beside_a_job_that_crashes(
    store: Store, clock: Clock, durable: FakeDurable
) -> None:
    await claim(store, 1, ALICE)
    clock.move(LIFETIME.total_seconds() + 1)
    await damaged_job(store, clock)
    with pytest.raises(ExceptionGroup):
        await reconciler(store.over(), clock).tick(durable)
    assert await claims(store) == 0


async def test_a_removal_that_fails_hides_no_crash_of_a_job(
    store: Store, clock: Clock, durable: FakeDurable, caplog: pytest.LogCaptureFixture
) -> None:
    await claim(store, 1, ALICE)
    clock.move(LIFETIME.total_seconds() + 1)
    await damaged_job(store, clock)
    away = Away(store.index_table._client)
    with pytest.raises(ExceptionGroup) as raised:
        await reconciler(store.over(index_table=away), clock).tick(durable)
    assert [type(bug) for bug in raised.value.exceptions] == [KeyError]
    assert "last_step_failed step=end_of_tick" in caplog.text
    assert "Tables cannot be reached" in caplog.text
    assert await claims(store) == 1


async def test_a_removal_that_fails_beside_no_other_error_fails_the_tick(
    store: Store, clock: Clock, durable: FakeDurable
) -> None:
    await claim(store, 1, ALICE)
    clock.move(LIFETIME.total_seconds() + 1)
    away = Away(store.index_table._client)
    with pytest.raises(Unavailable):
        await reconciler(store.over(index_table=away), clock).tick(durable)


async def test_the_removal_of_claims_has_a_limit_in_time(
    store: Store, clock: Clock, durable: FakeDurable
) -> None:
    """The host ends the app where a function takes more than `functionTimeout` of host.json."""
    owners = [Caller(f"oid-{number}", "tenant", "") for number in range(5)]
    for number, owner in enumerate(owners):
        await claim(store, number, owner)
    clock.move(LIFETIME.total_seconds() + 1)
    slow = Slow(store.index_table, clock, MAX_CLAIMS_TIME.total_seconds() / 2)
    await reconciler(store.over(index_table=slow), clock).tick(durable)
    assert await claims(store) == 3
    await reconciler(store.over(), clock).tick(durable)
    assert await claims(store) == 0
