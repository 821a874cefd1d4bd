"""Exports: how many are written at a time, and what is kept of them in memory."""

import asyncio
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.results.exports import FOLDER, WRITTEN_AT_ONCE, ExportFile, HitExports
from shared.util.threads import in_thread
from tests.triggers.conftest import Store, store

__all__ = ["store"]


def prefix_of(store: Store, name: str) -> str:
    return store.clients.account.url("results", f"exports-{name}/")


async def test_few_are_written_at_a_time(store: Store) -> None:
    exports = HitExports(store.clients.blobs, wait=0)
    active, peak = 0, 0

    async def write(path: Path) -> None:
        nonlocal active, peak
        active += 1
        peak = max(peak, active)
        for _ in range(100):  # as long as the others need to begin, if nothing holds them
            await in_thread(path.write_text, "hits")
        active -= 1

    files = [ExportFile(prefix_of(store, "many"), f"{n}.csv", write) for n in range(5)]
    for file in files:
        with pytest.raises(Unavailable, match="is being written"):
            await exports.find(file)
    await asyncio.gather(*exports._tasks.values())
    assert peak == WRITTEN_AT_ONCE
    assert exports._tasks == {}


async def test_an_export_that_was_removed_after_it_was_written_is_written_again(
    store: Store,
) -> None:
    exports, prefix = HitExports(store.clients.blobs, wait=0), prefix_of(store, "removed")
    is_written = asyncio.Event()

    async def write(path: Path) -> None:
        await in_thread(path.write_text, "hits")
        is_written.set()

    export = ExportFile(prefix, "a.csv", write)
    with pytest.raises(Unavailable):
        await exports.find(export)
    await asyncio.gather(*exports._tasks.values())
    assert await exports.find(export)
    await store.clients.blobs.delete(f"{prefix}{FOLDER}a.csv")
    is_written.clear()
    with pytest.raises(Unavailable, match="is being written"):
        await exports.find(export)
    await is_written.wait()
    await exports.aclose()
