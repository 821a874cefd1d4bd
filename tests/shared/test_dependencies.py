"""The clients of a process: created on first use, once, and closed at the end."""

import uuid
from typing import Any

import pytest

from local.azurite import Azurite
from shared.clients.blobs import Blobs
from shared.clients.queues import Queue
from shared.clients.tables import Table
from shared.dependencies import Dependencies
from shared.errors import SettingsInvalid, Unavailable
from shared.settings import Settings
from tests.support.dependencies import opened
from tests.support.samples import ENVIRONMENT, settings


async def test_nothing_is_read_or_opened_before_its_first_use() -> None:
    calls: list[str] = []

    def read() -> Settings:
        calls.append("read")
        return settings()

    dependencies = Dependencies(read)
    assert calls == []
    assert dependencies.settings is dependencies.settings
    assert dependencies.sidecar is dependencies.sidecar
    assert calls == ["read"]
    await dependencies.aclose()


def test_wrong_settings_are_read_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    reads: list[int] = []

    def read() -> Settings:
        reads.append(1)
        return Settings.read(ENVIRONMENT | {"BLAST_RESULTS_GRACE": "x", "BLAST_REGION": "Not One"})

    dependencies = Dependencies(read)
    for use in (
        lambda: dependencies.settings,
        lambda: dependencies.jobs,
        lambda: dependencies.blobs,
    ):
        with pytest.raises(SettingsInvalid, match="BLAST_RESULTS_GRACE"):
            use()
    messages = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(messages) == len(reads) == 1
    assert messages[0].startswith("settings_invalid ")
    assert "BLAST_RESULTS_GRACE" in messages[0] and "BLAST_REGION" in messages[0]


def test_an_error_of_the_settings_does_not_grow() -> None:
    """An exception that is raised again and again keeps a longer traceback each time."""
    dependencies = Dependencies(lambda: Settings.read({}))
    depths = set()
    for _ in range(3):
        with pytest.raises(SettingsInvalid) as caught:
            _ = dependencies.settings
        depths.add(len(caught.traceback))
    assert len(depths) == 1


async def test_a_cluster_is_created_once() -> None:
    dependencies = Dependencies(settings)
    assert dependencies.cluster("one") is dependencies.cluster("one")
    assert dependencies.cluster("other") is not dependencies.cluster("one")
    await dependencies.aclose()


async def test_the_store_is_created_on_first_use_and_every_client_is_closed(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    for client in (Table, Blobs, Queue):
        aclose = client.aclose

        async def noted(self: Any, name: str = client.__name__, aclose: Any = aclose) -> None:
            closed.append(name)
            await aclose(self)

        monkeypatch.setattr(client, "aclose", noted)
    async with opened(azurite) as dependencies:
        assert dependencies.jobs is dependencies.jobs
        assert dependencies.completions_queue is dependencies.completions_queue
        assert await dependencies.jobs.find(f"job-{uuid.uuid4().hex}") is None
        assert dependencies.dead_letters is dependencies.dead_letters
        assert closed == []
    assert sorted(closed) == ["Blobs", "Queue", "Table", "Table", "Table"]


async def test_storage_that_does_not_answer_is_asked_again_by_the_next_caller(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure, failures = Table.ensure, [Unavailable("storage_unavailable", "away")]

    async def first_fails(self: Table) -> None:
        if failures:
            raise failures.pop()
        await ensure(self)

    monkeypatch.setattr(Table, "ensure", first_fails)
    async with opened(azurite) as dependencies:
        with pytest.raises(Unavailable):
            await dependencies.jobs.find(f"job-{uuid.uuid4().hex}")
        assert await dependencies.jobs.find(f"job-{uuid.uuid4().hex}") is None
