"""A queue and a job store per test, in Azurite."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.storage.queue import (
    QueueClient,
    TextBase64DecodePolicy,
    TextBase64EncodePolicy,
    aio,
)

from local.azurite import ACCOUNT, Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import open_table
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS, StorageAccount
from shared.jobs import JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import OutboxPublisher
from tests.shared.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.support.samples import settings
from tests.triggers.queue.queue_fixture import HookedQueue, QueueFixture
from triggers.queue.requests import RequestProcessor
from triggers.submission.accept import SubmissionService


@pytest.fixture(scope="session")
async def blobs(azurite: Azurite) -> Blobs:
    opened = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    await opened.ensure(QUERIES, DATABASES, RESULTS)
    return opened


@pytest.fixture
async def world(
    azurite: Azurite,
    blobs: Blobs,
    jobs: JobStateRepository,  # noqa: F811
    clock: Clock,  # noqa: F811
) -> AsyncIterator[QueueFixture]:
    name = f"q{uuid.uuid4().hex}"
    codec: Any = {
        "message_encode_policy": TextBase64EncodePolicy(),
        "message_decode_policy": TextBase64DecodePolicy(),
    }
    connection = azurite.connection_string
    inbox = QueueClient.from_connection_string(connection, name, **codec)
    client = aio.QueueClient.from_connection_string(connection, name, **codec)
    with inbox:
        queue = HookedQueue(client)
        await queue.ensure()
        dead = open_table(f"t{uuid.uuid4().hex}", azurite.connection_string, "", None)
        letters = DeadLetters(blobs, dead, StorageAccount(ACCOUNT))
        await letters.ensure()
        acceptance = SubmissionService(jobs, blobs, settings(storage_account=ACCOUNT), clock)
        requests = RequestProcessor(
            acceptance, OutboxPublisher(jobs, blobs, lambda: queue), letters
        )
        yield QueueFixture(requests, queue, inbox, dead, clock)
        await queue.aclose()
