"""Indexes the hits of jobs that were completed without an index, when they are first requested."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.errors import ControlPlaneError, RetryableError, Unavailable
from shared.hits.index import HitIndex
from shared.hits.indexer import Indexer
from shared.results.job_index import JobIndex
from shared.util.parallel import stop_tasks

log = logging.getLogger("blast")
KEPT = 64
"""Indexes that are kept in memory; each is as long as the list of its result files."""
KEPT_FOR = 60.0
"""Seconds after which an index is loaded again, as a result file may have been replaced."""
BYTES_PER_SECOND = 4 * 1024**2
"""Of compressed results, as a careful estimate of the time that indexing takes."""
LONGEST_WAIT = 30
"""Seconds after which a client asks again, however long the indexing takes."""
TRIES, WAIT = 20, timedelta(seconds=3)
"""Of one segment, while storage does not answer or other hits are being indexed here."""


@dataclass
class BackgroundIndexing:
    """The indexes of completed jobs, and the tasks that build them in this process.

    A process that ends in the middle leaves whole segments: the next request goes on from there.
    """

    blobs: Blobs
    indexer: Indexer
    monotonic: Callable[[], float] = time.monotonic
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _failures: dict[str, Exception] = field(default_factory=dict)
    """What ended a task without an index: the next request gets it, the one after tries again."""
    _loaded: dict[str, tuple[float, HitIndex]] = field(default_factory=dict)
    """The indexes by prefix, and when they were loaded."""

    async def aclose(self) -> None:
        """Stop the tasks."""
        await stop_tasks([*self._tasks.values()])

    async def index_of(self, job: Job) -> HitIndex:
        """The index of a completed job.

        Raises Unavailable with the time to wait if it is being built, or what makes it impossible.
        """
        prefix = job.results_prefix
        now = self.monotonic()
        loaded_at, kept = self._loaded.get(prefix, (now - KEPT_FOR, None))
        if kept and now - loaded_at < KEPT_FOR:
            return kept
        job_index = JobIndex(self.blobs, self.indexer, job)
        if index := await job_index.load():
            self._keep(prefix, index, now)
            return index
        if error := self._failures.pop(prefix, None):
            raise error
        if prefix not in self._tasks:
            self._tasks[prefix] = asyncio.create_task(self._build(job_index))
        raise await self._pending(job_index)

    def _keep(self, prefix: str, index: HitIndex, now: float) -> None:
        self._loaded.pop(prefix, None)
        if len(self._loaded) >= KEPT:
            self._loaded.pop(next(iter(self._loaded)))
        self._loaded[prefix] = (now, index)

    async def _pending(self, job_index: JobIndex) -> Unavailable:
        plan = await job_index.plan()
        missing = await job_index.find_missing(plan)
        size = sum(file.size for files in missing for file in files)
        seconds = 2 + math.ceil(size / BYTES_PER_SECOND)
        done = len(plan) - len(missing)
        return Unavailable(
            "index_pending",
            f"the hits are being indexed, {done} of {len(plan)} parts are done: ask again in about"
            f" {seconds} s",
            timedelta(seconds=min(seconds, LONGEST_WAIT)),
        )

    async def _build(self, job_index: JobIndex) -> None:
        job, prefix = job_index.job, job_index.job.results_prefix
        try:
            plan = await job_index.plan()
            for _ in range(TRIES * len(plan)):
                missing = await job_index.find_missing(plan)
                if not missing:
                    break
                try:
                    await job_index.index(missing[0])
                except RetryableError as error:
                    wait = error.retry_after or WAIT
                    await asyncio.sleep(wait.total_seconds())
            if await job_index.complete(plan) is None:
                raise Unavailable("index_pending", "parts of the index are missing: ask again")
            log.info("hits_indexed job_id=%s", job.job_id)
        except ControlPlaneError as error:
            self._failures[prefix] = error
            log.warning("index_failed job_id=%s: %s", job.job_id, error)
        except Exception as error:  # a bug: the next request is not to wait for it
            self._failures[prefix] = error
            log.exception("index_crashed job_id=%s", job.job_id)
        finally:
            del self._tasks[prefix]
