"""Batches of searches on a job store and blobs of a real Azurite."""

from typing import Any

import pytest

from activities.batch import CHUNK, BatchActivities
from activities.children import ChildJobs
from activities.context import ActivityContext
from local.azurite import Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.contracts.storage_urls import DATABASES, QUERIES, StorageAccount
from shared.jobs import JobStateRepository
from tests.activities.batch.batch_fixture import BatchFixture, Make, Remembered, open_batch
from tests.shared.jobs.conftest import Clock, clock, jobs
from tests.support.samples import publish_nothing, settings
from triggers.submission.parse import MAX_SEARCHES

__all__ = ["clock", "jobs"]


@pytest.fixture(scope="module")
async def blobs(azurite: Azurite) -> Blobs:
    opened = open_blobs(StorageAccount("stgelb"), azurite.connection_string, None)
    await opened.ensure(QUERIES, DATABASES)
    return opened


@pytest.fixture
def make(jobs: JobStateRepository, clock: Clock, blobs: Blobs) -> Make:
    context = ActivityContext(jobs, settings(), clock, publish_nothing)

    async def made(
        size: int, chunk: int = CHUNK, at_once: int = MAX_SEARCHES, **changes: Any
    ) -> BatchFixture:
        def batch(durable: Remembered) -> BatchActivities:
            return BatchActivities(context, ChildJobs(context, blobs, durable), chunk, at_once)

        return await open_batch(batch, blobs, size, **changes)

    return made
