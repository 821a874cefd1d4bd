"""The clients of a process: created on first use, once, and closed at the end."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from local.azurite import Azurite
from shared import dependencies as module
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import KubernetesCluster
from shared.clients.queues import Queue
from shared.clients.tables import Table
from shared.dependencies import Dependencies
from shared.errors import SettingsInvalid, Unavailable
from shared.settings import Settings
from tests.support.dependencies import opened
from tests.support.samples import ENVIRONMENT, settings


def test_nothing_is_read_or_opened_before_its_first_use() -> None:
    calls: list[str] = []

    def read() -> Settings:
        calls.append("read")
        return settings()

    dependencies = Dependencies(read)
    assert calls == []
    assert dependencies.settings is dependencies.settings
    assert dependencies.sidecar is dependencies.sidecar
    assert calls == ["read"]
    dependencies.close()


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


def test_two_threads_get_the_same_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    both_inside = threading.Barrier(2)
    new_cluster = KubernetesCluster

    def slow(*args: object, **kwargs: object) -> object:
        made.append(args)
        with suppress(threading.BrokenBarrierError):  # expected: the second thread must not enter
            both_inside.wait(0.2)
        return new_cluster(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "KubernetesCluster", slow)
    dependencies = Dependencies(settings)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: dependencies.cluster("one"), range(2))
    assert one is two
    assert dependencies.cluster("other") is not one
    assert len(made) == 2
    dependencies.close()


async def test_the_store_is_created_once_and_every_client_is_closed(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    for client in (Table, Blobs, Queue):
        close = client.close

        def noted(self: object, name: str = client.__name__, close: object = close) -> None:
            closed.append(name)
            close(self)  # type: ignore[operator]

        monkeypatch.setattr(client, "close", noted)
    with opened(azurite) as dependencies:
        with ThreadPoolExecutor(8) as pool:
            stores = {*pool.map(lambda _: dependencies.jobs, range(8))}
            publishers = {*pool.map(lambda _: dependencies.outbox_publisher, range(8))}
        assert (len(stores), len(publishers)) == (1, 1)
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
    with opened(azurite) as dependencies:
        with pytest.raises(Unavailable):
            _ = dependencies.jobs
        assert await dependencies.jobs.find(f"job-{uuid.uuid4().hex}") is None
