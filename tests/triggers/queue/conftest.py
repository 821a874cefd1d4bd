"""A queue and a job store of its own for every test, in a real Azurite."""

import uuid
from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from local.azurite import ACCOUNT, Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import open_table
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS, Account
from shared.jobs import JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import Courier
from shared.settings import settings as current
from tests.shared.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.support.samples import ENVIRONMENT, settings
from tests.triggers.queue.queue_fixture import Watched, World
from triggers.queue.requests import Requests
from triggers.submission.accept import Acceptance


@pytest.fixture(scope="session")
def blobs(azurite: Azurite) -> Blobs:
    opened = open_blobs(Account(ACCOUNT), azurite.connection_string, None)
    opened.ensure(QUERIES, DATABASES, RESULTS)
    return opened


@pytest.fixture
def world(
    azurite: Azurite,
    blobs: Blobs,
    jobs: JobStateRepository,  # noqa: F811
    clock: Clock,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    current.cache_clear()
    with QueueClient.from_connection_string(
        azurite.connection_string,
        f"q{uuid.uuid4().hex}",
        message_encode_policy=TextBase64EncodePolicy(),
        message_decode_policy=TextBase64DecodePolicy(),
    ) as inbox:
        queue = Watched(inbox)
        queue.ensure()
        dead = open_table(f"t{uuid.uuid4().hex}", azurite.connection_string, "", None)
        letters = DeadLetters(blobs, dead, Account(ACCOUNT))
        letters.ensure()
        acceptance = Acceptance(jobs, blobs, settings(storage_account=ACCOUNT), clock)
        requests = Requests(acceptance, Courier(jobs, blobs, queue), letters)
        yield World(requests, queue, inbox, dead, clock)
    current.cache_clear()
