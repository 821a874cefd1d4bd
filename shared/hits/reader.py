"""Opens the indexes of searches for questions: their files are fetched from Blob once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from shared.clients.blobs import Blobs
from shared.errors import NotFound, TooLarge, Unavailable
from shared.hits.cache import ASK_AGAIN, DAMAGED, IndexCache
from shared.hits.database import MiB, connect
from shared.hits.disk import report_full_disk
from shared.hits.index import HitIndex, StoredFile
from shared.hits.questions import HitsDatabase
from shared.hits.store import IndexStore
from shared.util.threads import entered_in_thread, in_thread

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

T = TypeVar("T")
MEMORY = 192 * MiB
"""For all questions of a process together."""
QUESTIONS = 3
"""That are answered at a time: more would only share the same processors, and the threads that
other work needs."""
TIME_LIMIT = 20.0
"""Seconds for one question; clients wait for 30 s."""
EXPORT_TIME_LIMIT = 600.0
"""Seconds for writing an export, for which no request waits."""


@dataclass
class HitsReader:
    """The index files of a process, and the database that reads them."""

    blobs: Blobs
    cache: IndexCache
    _flights: "dict[str, asyncio.Task[Path]]" = field(default_factory=dict)
    _connection: "asyncio.Task[DuckDBPyConnection] | None" = None
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS))
    _export_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def aclose(self) -> None:
        """Close the database."""
        if self._connection:
            await in_thread((await self._connection).close)

    @asynccontextmanager
    async def open(self, store: IndexStore, index: HitIndex) -> "AsyncIterator[Hits]":
        """The hits of an index. Raises Unavailable, also if a file of it is damaged or gone."""
        files = index.stored_files
        if sum(file.size for file in files) > self.cache.max_bytes:
            raise TooLarge(
                "index_too_large",
                "the index of these hits is larger than the disk space for indexes: an operator"
                " can raise BLAST_INDEX_CACHE_MIB; the files can be downloaded",
            )
        with self.cache.in_use(files):
            paths = {file.name: await self._fetch(store, file) for file in files}
            database = HitsDatabase(await self._connect(), index, paths)
            yield Hits(database, self._turns, self._export_turn)

    async def _fetch(self, store: IndexStore, file: StoredFile) -> "Path":
        """The path of a file; one task fetches it for all that wait."""
        if (path := await in_thread(self.cache.find, file)) is not None:
            return path
        flight = self._flights.get(file.name)
        if flight is None:
            flight = asyncio.create_task(self._download(store, file))
            self._flights[file.name] = flight
            flight.add_done_callback(lambda done: self._flights.pop(file.name, None))
        return await asyncio.shield(flight)

    async def _download(self, store: IndexStore, file: StoredFile) -> "Path":
        """Fetch a file. One that is damaged in Blob is deleted: the index is built anew without."""
        url = store.url(file.name)
        try:
            async with entered_in_thread(self.cache.writer(file)) as written:
                async for chunk in self.blobs.iter_chunks(url):
                    await in_thread(written.write, chunk)
        except NotFound as error:
            text = f"the index file {file.name} is gone: the hits are indexed again in a minute"
            raise Unavailable(DAMAGED, text, ASK_AGAIN) from error
        except Unavailable as error:
            if error.code == DAMAGED:
                await self.blobs.delete(url)
            raise
        path = await in_thread(self.cache.find, file)
        if path is None:
            raise Unavailable(DAMAGED, f"the index file {file.name} was changed on disk")
        return path

    async def _connect(self) -> "DuckDBPyConnection":
        if self._connection is None:
            self._connection = asyncio.create_task(in_thread(connect, MEMORY, self.cache.folder))
        return await asyncio.shield(self._connection)


@dataclass(frozen=True)
class Hits:
    """The hits of a search, for questions that run beside the event loop."""

    database: HitsDatabase
    turns: asyncio.Semaphore
    export_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def ask(self, question: Callable[..., T], *args: Any, **options: Any) -> T:
        """The answer of a function of the database. Raises Unavailable if it takes too long, or
        more memory than there is."""
        async with self.turns:
            return await in_thread(_answer, TIME_LIMIT, question, self.database, args, options)

    async def export(self, write: Callable[..., None], *args: Any) -> None:
        """Call a function of the database that writes a file: one at a time. Raises as `ask`."""
        async with self.export_turn:
            await in_thread(_answer, EXPORT_TIME_LIMIT, write, self.database, args, {})


def _answer(
    seconds: float,
    question: Callable[..., T],
    database: HitsDatabase,
    args: tuple[Any, ...],
    options: Any,
) -> T:
    import duckdb

    try:
        with (
            report_full_disk("a question about hits is answered"),
            database.limited_to(seconds) as limited,
        ):
            return question(limited, *args, **options)
    except duckdb.InterruptException as error:
        text = f"the question about hits took more than {seconds:.0f} s: ask about fewer hits"
        raise Unavailable("question_slow", text) from error
    except duckdb.OutOfMemoryException as error:
        raise Unavailable("question_large", "the question needs too much memory") from error
    except duckdb.IOException as error:
        raise Unavailable("index_unavailable", "the index of the hits cannot be read") from error
