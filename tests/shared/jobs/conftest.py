"""A separate job store for every test, in a real Azurite."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from local.azurite import Azurite
from shared.clients.tables import open_table
from shared.jobs import Index, JobStateRepository
from tests.support.samples import NOON, RECONCILE_AFTER


@dataclass
class Clock:
    """A clock that tests advance."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def jobs(azurite: Azurite, clock: Clock) -> JobStateRepository:
    name = f"t{uuid.uuid4().hex}"
    tables = [open_table(name + kind, azurite.connection_string, "", None) for kind in ("j", "i")]
    store = JobStateRepository(tables[0], Index(tables[1], RECONCILE_AFTER), clock)
    await store.ensure()
    return store
