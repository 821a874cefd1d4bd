"""Exports of hits as files in Blob: each is written once, in the background, and then served."""

import asyncio
import gzip
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from shared.clients.blobs import Blobs, Version
from shared.errors import Unavailable
from shared.hits.disk import report_full_disk
from shared.util.parallel import stop_tasks
from shared.util.threads import entered_in_thread, in_thread
from shared.util.work_folder import default_parent, work_folder

FOLDER = "hits-exports/"
"""Below the results prefix; ElasticBLAST neither reads nor writes it."""
KEPT = 20
"""Exports of a job that stay in Blob: the newest ones."""
WRITTEN_AT_ONCE = 2
"""By a process: each takes a thread, and the disk for its file. The others wait."""
WAIT = 20.0
"""Seconds that a request waits for an export; clients wait for 30 s."""
ASK_AGAIN = timedelta(seconds=5)
COMPRESSED_FROM = 100 * 1024**2
"""Bytes of text from which on a compressed copy is kept beside the file."""
PIECE = 1024**2


@dataclass(frozen=True)
class ExportFile:
    """A file to write. `name` has a hash of all that its content depends on."""

    prefix: str
    """The URL of the job's results; it ends with a slash."""
    name: str
    write: Callable[[Path], Awaitable[None]]
    """Writes the file."""
    is_text: bool = True

    @property
    def url(self) -> str:
        """Its address in Blob."""
        return f"{self.prefix}{FOLDER}{self.name}"

    @property
    def compressed_url(self) -> str:
        """The address of its copy by gzip, which only a large text has."""
        return f"{self.url}.gz"


@dataclass
class HitExports:
    """The exports that this process writes."""

    blobs: Blobs
    wait: float = WAIT
    _tasks: dict[str, asyncio.Task[Version]] = field(default_factory=dict)
    """Those that write, and those that have failed until a request gets the reason."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WRITTEN_AT_ONCE))

    async def aclose(self) -> None:
        """Stop the tasks."""
        await stop_tasks([*self._tasks.values()])

    async def find(self, export: ExportFile) -> Version:
        """The version in Blob of an export. It is written if it is not there.

        Raises what prevented that; Unavailable if it takes longer than a client waits, and goes on
        writing: the same request later gets it.
        """
        if version := await self.blobs.version(export.url):
            return version
        task = self._tasks.get(export.url)
        if task is None:
            task = asyncio.create_task(self._write_in_turn(export))
            self._tasks[export.url] = task
        done, _ = await asyncio.wait([task], timeout=self.wait)
        if not done:
            message = "the export is being written: ask again in some seconds"
            raise Unavailable("export_pending", message, ASK_AGAIN)
        self._forget(export, task)
        return task.result()

    async def _write_in_turn(self, export: ExportFile) -> Version:
        async with self._turns:
            version = await self._write(export)
        # The file is in Blob, and may be removed again: no later request is to get this version.
        self._tasks.pop(export.url, None)
        return version

    def _forget(self, export: ExportFile, task: asyncio.Task[Version]) -> None:
        """Forget a task whose result a request has got, unless a later one has its place."""
        if self._tasks.get(export.url) is task:
            del self._tasks[export.url]

    async def _write(self, export: ExportFile) -> Version:
        with report_full_disk("hits are exported"):
            async with entered_in_thread(work_folder(default_parent())) as folder:
                path = folder / export.name
                await export.write(path)
                if export.is_text and await in_thread(_compress, path, folder / "copy"):
                    # Before the file itself, so that the copy is there wherever the file is.
                    await self.blobs.put_file_if_absent(export.compressed_url, folder / "copy")
                await self.blobs.put_file_if_absent(export.url, path)
        await self._remove_older(export)
        version = await self.blobs.version(export.url)
        if version is None:
            raise Unavailable("export_pending", "the export was removed: ask again", ASK_AGAIN)
        return version

    async def _remove_older(self, export: ExportFile) -> None:
        listed = await self.blobs.list(export.prefix + FOLDER)
        newest_first = sorted(listed, key=lambda blob: blob.modified, reverse=True)
        names = dict.fromkeys(blob.name.removesuffix(".gz") for blob in newest_first)
        kept = {export.name, *list(names)[:KEPT]}
        for blob in newest_first:
            if blob.name.removesuffix(".gz") not in kept:
                await self.blobs.delete(f"{export.prefix}{FOLDER}{blob.name}")


def _compress(path: Path, copy: Path) -> bool:
    """Write a copy by gzip if the file is large."""
    if path.stat().st_size < COMPRESSED_FROM:
        return False
    with path.open("rb") as source, gzip.open(copy, "wb", compresslevel=3) as target:
        shutil.copyfileobj(source, target, PIECE)
    return True
