"""An export whose process dies, or whose storage is away, at each of its calls of storage."""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.functions import HttpResponse

from local.azurite import Azurite
from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.job import Job
from shared.errors import Unavailable
from shared.results import exports
from shared.results.exports import FOLDER
from shared.util.threads import in_thread
from tests.simulation.models import ProcessDied
from tests.support.dependencies import opened
from tests.triggers.conftest import Store, refused
from tests.triggers.http.test_hits import FILES
from triggers.http.hits import handlers
from triggers.http.services import HttpServices

LEAST_CALLS = 10
"""The index and its files are read; the export is looked for, written with its copy, and read;
older ones are listed and deleted."""
ROWS, ROWS_OF_FILTER = 4, 2
AWAY = Unavailable("storage_unavailable", "Blob did not answer")


class FailingBlobs(Blobs):
    """Real blobs. One call fails, before it is sent or after. A dead process can send no other."""

    def __init__(self, blobs: Blobs, number: int, is_after: bool, error: Exception) -> None:
        super().__init__(blobs._service, blobs._account)
        self.calls, self.number, self.is_after, self.error = 0, number, is_after, error

    @asynccontextmanager
    async def _call(self, timeout: float = 0) -> AsyncIterator[None]:
        self.calls += 1
        is_due = self.calls == self.number
        has_died = isinstance(self.error, ProcessDied) and self.calls > self.number
        if has_died or (is_due and not self.is_after):
            raise self.error
        async with super()._call():
            yield
        if is_due:
            raise self.error

    async def list(self, prefix: str) -> list[BlobInfo]:
        async with self._call():
            return await super().list(prefix)


Process = Callable[[int, bool, Exception], AbstractAsyncContextManager[Store]]


@pytest.fixture
def start(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """Starts a process with a disk of its own, whose calls of storage fail as given."""
    # Every export has a copy, and all but the newest are removed.
    monkeypatch.setattr(exports, "COMPRESSED_FROM", 0)
    monkeypatch.setattr(exports, "KEPT", 1)
    started = 0

    @asynccontextmanager
    async def start(number: int, is_after: bool, error: Exception) -> AsyncIterator[Store]:
        nonlocal started
        started += 1
        folder = tmp_path / str(started)
        await in_thread(folder.mkdir)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        async with opened(azurite) as clients:
            clients.blobs = FailingBlobs(clients.blobs, number, is_after, error)
            yield Store(HttpServices(clients))

    return start


@pytest.fixture
async def whole(azurite: Azurite) -> AsyncIterator[Store]:
    """A process whose calls are answered."""
    async with opened(azurite) as clients:
        yield Store(HttpServices(clients))


async def exported_before(whole: Store) -> Job:
    """A search with an export of all hits, which the next one replaces."""
    stored = await whole.completed(FILES)
    assert rows_of(await whole.ask(handlers.export_hits, stored)) == ROWS
    return stored


def filter_of(number: int) -> dict[str, Any]:
    """A filter that no other number has; the same hits pass it."""
    return {"min_identity": f"95.{number:03}"}


def rows_of(answer: HttpResponse) -> int:
    """The number of hits of a response; -1 if it has none."""
    if answer.status_code != 200:
        return -1
    text = answer.get_body().decode()
    assert text.endswith("\r\n")
    assert int(answer.headers.get("Content-Length", len(text))) == len(text)
    return len(list(csv.DictReader(io.StringIO(text))))


async def assert_right(store: Store, stored: Job, wanted: dict[str, Any]) -> None:
    """Requests get every hit of their filter, whatever failed before."""
    for _ in range(2):
        assert rows_of(await store.ask(handlers.export_hits, stored, **wanted)) == ROWS_OF_FILTER
    assert rows_of(await store.ask(handlers.export_hits, stored)) == ROWS
    names = {blob.name for blob in await store.clients.blobs.list(stored.results_prefix + FOLDER)}
    assert names == {name for name in names if f"{name.removesuffix('.gz')}.gz" in names}


@pytest.mark.acceptance  # some twenty calls, each in a process of its own
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [ProcessDied(), AWAY], ids=["killed", "storage-away"])
async def test_nothing_wrong_is_shown_whichever_call_fails(
    start: Process, whole: Store, is_after: bool, error: Exception
) -> None:
    stored = await exported_before(whole)
    number, has_failed = 1, True
    while has_failed:
        wanted = filter_of(number)
        async with start(number, is_after, error) as failing:
            answer = await failing.ask(handlers.export_hits, stored, **wanted)
            assert rows_of(answer) in (ROWS_OF_FILTER, -1)
            blobs = failing.clients.blobs
            assert isinstance(blobs, FailingBlobs)
            has_failed = blobs.calls >= number
            if has_failed and error is AWAY:
                if rows_of(answer) == -1:
                    assert refused(answer) == (503, "storage_unavailable")
                await assert_right(failing, stored, wanted)
        await assert_right(whole, stored, wanted)
        number += 1
    assert number > LEAST_CALLS


async def test_two_requests_at_once_write_one_export(start: Process, whole: Store) -> None:
    stored = await exported_before(whole)
    async with start(0, False, AWAY) as first, start(0, False, AWAY) as second:
        answers = await asyncio.gather(
            *(
                store.ask(handlers.export_hits, stored, **filter_of(0))
                for store in (first, first, second, second)
            )
        )
        assert [rows_of(answer) for answer in answers] == [ROWS_OF_FILTER] * 4
        assert len({answer.get_body() for answer in answers}) == 1
        assert first.clients.hit_exports._tasks == second.clients.hit_exports._tasks == {}
    await assert_right(whole, stored, filter_of(0))


@pytest.mark.parametrize("change", [b"", b"PAR1", None], ids=["empty", "cut", "other-bytes"])
async def test_a_damaged_file_of_the_cache_is_fetched_again(
    start: Process, whole: Store, tmp_path: Path, change: bytes | None
) -> None:
    stored = await exported_before(whole)
    async with start(0, False, AWAY) as store:
        assert (
            rows_of(await store.ask(handlers.export_hits, stored, **filter_of(0))) == ROWS_OF_FILTER
        )
        cached = await in_thread(lambda: list(tmp_path.rglob("blast-hits/*.parquet")))
        assert cached
        for path in cached:
            data = change if change is not None else bytes(path.stat().st_size)
            await in_thread(path.write_bytes, data)
        await assert_right(store, stored, filter_of(0))
