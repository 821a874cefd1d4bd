"""A queue and a job store of its own for every test, in a real Azurite."""

import uuid
from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from local.azurite import ACCOUNT, Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import open_table
from shared.courier import Courier
from shared.dead_letters import DeadLetters
from shared.jobs import JobStateRepository
from shared.settings import settings as current
from shared.storage_urls import DATABASES, QUERIES, RESULTS, Account
from tests.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.messages.world import Watched, World
from tests.samples import ENVIRONMENT, settings
from triggers.acceptance import Acceptance
from triggers.requests import Requests


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
