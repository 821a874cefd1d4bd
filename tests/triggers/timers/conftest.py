"""A job store with exposed tables on Azurite, and a fake Durable Functions client."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from local.azurite import Azurite
from shared.clients.tables import Table, open_table
from shared.contracts.job import Job
from shared.jobs import Index, JobStateRepository
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import RECONCILE_AFTER, job
from triggers.timers.stopper import Stopper

LATE = RECONCILE_AFTER.total_seconds() + 1


@dataclass
class Store:
    """The two tables, and job stores over them or over wrappers of them."""

    jobs_table: Table
    index_table: Table
    clock: Clock

    def over(
        self, jobs_table: Table | None = None, index_table: Table | None = None
    ) -> JobStateRepository:
        index = Index(index_table or self.index_table, RECONCILE_AFTER)
        return JobStateRepository(jobs_table or self.jobs_table, index, self.clock)

    async def late(self) -> Sequence[str]:
        return [job_id async for _, job_id in self.over().index.find_overdue(self.clock())]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(azurite: Azurite, clock: Clock) -> Store:
    name = f"t{uuid.uuid4().hex}"
    stored, two = (open_table(name + kind, azurite.connection_string, "", None) for kind in "ji")
    await stored.ensure()
    await two.ensure()
    return Store(stored, two, clock)


@pytest.fixture
def jobs(store: Store) -> JobStateRepository:
    return store.over()


@pytest.fixture
def durable(clock: Clock) -> FakeDurable:
    return FakeDurable(clock)


def no_stopper(_: object) -> Stopper:
    """For tests in which no stopper is needed."""
    raise AssertionError("the stopper is asked")


async def late_job(
    jobs: JobStateRepository, clock: Clock, number: int = 1, **changes: object
) -> Job:
    """A job that is overdue."""
    stored = await jobs.create(job(number, **changes), {})
    clock.now = max(clock.now, stored.updated_at + RECONCILE_AFTER * 2)
    return stored
