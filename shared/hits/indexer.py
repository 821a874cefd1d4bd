"""Indexes result files of a search: reads them from Blob, and writes the index beside them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from shared.clients.blobs import Blobs
from shared.errors import Unavailable
from shared.hits.convert import Chunks
from shared.hits.segment import SourceFile, build_segment
from shared.hits.store import IndexSource, IndexStore
from shared.util.threads import entered_in_thread, in_thread, read_in_thread
from shared.util.work_folder import default_parent, work_folder

TIME_LIMIT = timedelta(minutes=4)
"""For one segment. Azure ends the whole process when a function takes 5 minutes (host.json)."""
BUSY_DELAY = timedelta(seconds=5)


@dataclass(frozen=True)
class SearchResults:
    """What is needed to read a search's results."""

    prefix: str
    """The URL of their folder; it ends with a slash."""
    outfmt: str
    batch_of: Callable[[str], str]
    """The name of the batch of queries of a result file, below the prefix."""
    merged: str = ""
    """The name of the file that ElasticBLAST writes from those of shards."""


@dataclass
class Indexer:
    """Indexes one segment at a time in a process, as each takes a processor and 200 MiB."""

    blobs: Blobs
    monotonic: Callable[[], float] = time.monotonic
    _slot: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def index(self, results: SearchResults, files: Sequence[IndexSource]) -> None:
        """HitIndex the files as one segment.

        Raises Unavailable if storage does not answer, the disk is full, another segment is being
        indexed here, or the time is over; NotFound if a result file is gone.
        """
        async with self._turn():
            batches = await self._batches(results)
            deadline = self.monotonic() + TIME_LIMIT.total_seconds()
            sources = [await self._source(results, file, batches, deadline) for file in files]
            async with entered_in_thread(work_folder(default_parent())) as folder:
                built = await in_thread(build_segment, sources, results.outfmt, folder)
                await IndexStore(self.blobs, results.prefix).add(built)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._slot.locked():
            raise Unavailable("indexing_busy", "other hits are being indexed", BUSY_DELAY)
        async with self._slot:
            yield

    async def _batches(self, results: SearchResults) -> set[str]:
        """The names of the batches of queries that are still there."""
        folder = results.batch_of("batch_000-").rpartition("/")[0] + "/"
        return {folder + blob.name for blob in await self.blobs.list(results.prefix + folder)}

    async def _source(
        self, results: SearchResults, file: IndexSource, batches: set[str], deadline: float
    ) -> SourceFile:
        url, batch = results.prefix + file.name, results.batch_of(file.name)
        version = await self.blobs.version(url)
        etag = version.etag if version else ""
        return SourceFile(
            file.number,
            file.name,
            etag,
            self._chunks(url, deadline, etag),
            self._chunks(results.prefix + batch, deadline) if batch in batches else None,
            is_merged=file.name == results.merged,
        )

    def _chunks(self, url: str, deadline: float, etag: str = "") -> Chunks:
        """Opens a blob, for a function in a thread that this event loop waits for."""
        loop = asyncio.get_running_loop()

        def opened() -> Iterable[bytes]:
            return self._until(deadline, read_in_thread(self.blobs.iter_chunks(url, etag), loop))

        return opened

    def _until(self, deadline: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.monotonic() > deadline:
                text = f"indexing takes more than {TIME_LIMIT.total_seconds():.0f} s"
                raise Unavailable("indexing_slow", text)
            yield chunk
