"""Indexes in Blob, read from disk: a damaged file, Blob away, a full disk, many questions."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.clients.blobs import Blobs
from shared.dependencies import Dependencies
from shared.errors import TooLarge, Unavailable
from shared.hits.aggregate import aggregate
from shared.hits.cache import IndexCache
from shared.hits.database import MiB
from shared.hits.filters import Filter
from shared.hits.index import HitIndex
from shared.hits.questions import HitsDatabase
from shared.hits.reader import HitsReader
from shared.hits.segment import SourceFile, build_segment
from shared.hits.store import IndexSource, IndexStore
from shared.util.threads import in_thread
from tests.support.dependencies import opened

ROWS = "".join(f"q{n % 9}\ts{n}\t{60 + n % 40}\t1e-{n % 90}\t{n}\n" for n in range(5000)).encode()
OUTFMT = "6 qseqid sseqid pident evalue bitscore"
PLAN = [[IndexSource(0, "f", len(ROWS))]]


@pytest.fixture
async def clients(azurite: Azurite) -> AsyncIterator[Dependencies]:
    async with opened(azurite) as dependencies:
        yield dependencies


@pytest.fixture
async def stored(clients: Dependencies, tmp_path: Path) -> tuple[IndexStore, HitIndex]:
    """An index in Blob."""
    source = SourceFile(0, "f", "", lambda: [ROWS])
    built = await in_thread(build_segment, [source], OUTFMT, tmp_path / "built")
    store = IndexStore(clients.blobs, clients.account.url("results", f"{tmp_path.name}/"))
    await store.add(built)
    index = await store.complete(PLAN)
    assert index is not None
    return store, index


Stored = tuple[IndexStore, HitIndex]


async def total(reader: HitsReader, stored: Stored) -> int:
    async with reader.open(*stored) as hits:
        return (await hits.ask(aggregate, Filter())).total_hits


async def test_a_file_is_fetched_once_for_many_questions(
    clients: Dependencies, stored: Stored, tmp_path: Path
) -> None:
    blobs = CountingBlobs(clients.blobs)
    reader = HitsReader(blobs, IndexCache(tmp_path / "cache", 100 * MiB))
    totals = await asyncio.gather(*(total(reader, stored) for _ in range(20)))
    assert totals == [5000] * 20
    assert blobs.reads == 2  # hits and queries
    await reader.aclose()


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing else", None])
async def test_a_damaged_file_on_disk_is_fetched_again(
    clients: Dependencies, stored: Stored, tmp_path: Path, damage: bytes | None
) -> None:
    reader = HitsReader(clients.blobs, IndexCache(tmp_path / "cache", 100 * MiB))
    assert await total(reader, stored) == 5000
    for path in (tmp_path / "cache").glob("*.parquet"):
        data = path.read_bytes()
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes(changed if damage is None else damage)
    assert await total(reader, stored) == 5000
    await reader.aclose()


async def test_a_file_that_is_damaged_in_blob_is_reported(
    clients: Dependencies, stored: Stored, tmp_path: Path
) -> None:
    store, index = stored
    file = index.stored_files[0]
    await clients.blobs.put(store.url(file.name), b"x" * file.size)
    reader = HitsReader(clients.blobs, IndexCache(tmp_path / "cache", 100 * MiB))
    with pytest.raises(Unavailable, match="damaged in Blob"):
        await total(reader, stored)
    assert list((tmp_path / "cache").glob("*")) == []
    await reader.aclose()


async def test_while_blob_is_away_nothing_is_answered_but_what_is_on_disk(
    clients: Dependencies, stored: Stored, tmp_path: Path
) -> None:
    blobs = CountingBlobs(clients.blobs)
    reader = HitsReader(blobs, IndexCache(tmp_path / "cache", 100 * MiB))
    blobs.is_away = True
    with pytest.raises(Unavailable, match="away"):
        await total(reader, stored)
    blobs.is_away = False
    assert await total(reader, stored) == 5000
    blobs.is_away = True
    assert await total(reader, stored) == 5000
    await reader.aclose()


async def test_a_full_disk_is_reported(
    clients: Dependencies, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = HitsReader(clients.blobs, FullDisk(tmp_path / "cache", 100 * MiB))
    with pytest.raises(Unavailable, match="full"):
        await total(reader, stored)
    await reader.aclose()


async def test_an_index_that_has_no_room_is_refused(
    clients: Dependencies, stored: Stored, tmp_path: Path
) -> None:
    reader = HitsReader(clients.blobs, IndexCache(tmp_path / "cache", 1000))
    with pytest.raises(TooLarge, match="BLAST_INDEX_CACHE_MIB"):
        await total(reader, stored)
    await reader.aclose()


async def test_a_question_that_takes_too_long_is_interrupted(
    clients: Dependencies, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.hits.reader.TIME_LIMIT", 0.2)
    reader = HitsReader(clients.blobs, IndexCache(tmp_path / "cache", 100 * MiB))

    def endless(database: HitsDatabase) -> Any:
        return database.value("SELECT count(*) FROM range(100000000) a, range(100000) b")

    async with reader.open(*stored) as hits:
        with pytest.raises(Unavailable, match="took more than"):
            await hits.ask(endless)
    assert await total(reader, stored) == 5000
    await reader.aclose()


class CountingBlobs(Blobs):
    """Real blobs; reads are counted, and can fail."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs._service, blobs._account)
        self.reads = 0
        self.is_away = False

    async def iter_chunks(self, url: str, etag: str = "") -> Any:
        self.reads += 1
        if self.is_away:
            raise Unavailable("storage_unavailable", "Blob is away")
        async for chunk in super().iter_chunks(url, etag):
            yield chunk


class FullDisk(IndexCache):
    """A cache on a disk without room."""

    @contextmanager
    def writer(self, file: Any) -> Any:
        with super().writer(file):
            raise OSError(errno.ENOSPC, "No space left on device")
            yield
