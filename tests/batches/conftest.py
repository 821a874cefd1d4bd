"""Batches of searches on a job store and blobs of a real Azurite."""

from typing import Any

import pytest

from activities.batch import CHUNK, Batch
from activities.steps import Desk
from local.azurite import Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.jobs import JobStateRepository
from shared.storage_urls import QUERIES, Account
from tests.batches.family import Family, Make, family
from tests.jobs.conftest import Clock, clock, jobs
from tests.samples import settings

__all__ = ["clock", "jobs"]


@pytest.fixture(scope="module")
def blobs(azurite: Azurite) -> Blobs:
    opened = open_blobs(Account("stgelb"), azurite.connection_string, None)
    opened.ensure(QUERIES)
    return opened


@pytest.fixture
def make(jobs: JobStateRepository, clock: Clock, blobs: Blobs) -> Make:
    desk = Desk(jobs, settings(), clock, lambda job: None)

    def made(size: int, chunk: int = CHUNK, **changes: Any) -> Family:
        return family(lambda durable: Batch(desk, blobs, durable, chunk), blobs, size, **changes)

    return made
