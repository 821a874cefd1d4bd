"""What is old is removed, and lists that contradict their jobs are mended."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from shared.contracts.job import Job
from shared.jobs import JobStateRepository
from shared.jobs.index import ListRow
from shared.util.threads import in_thread
from triggers.durable_client import DurableClient, purge_history
from triggers.timers.bounded_work import process_all

MAX_RUN = timedelta(minutes=2)
"""The host ends the whole app where a function takes longer than `functionTimeout`."""
MAX_REMOVED = 20_000
"""Jobs that one run removes. What it leaves is for the next."""

log = logging.getLogger("blast")


@dataclass(frozen=True)
class Purger:
    """Removes jobs that ended longer than `retention` ago. May be stopped anywhere."""

    jobs: JobStateRepository
    retention: timedelta
    now: Callable[[], datetime]
    most: int = MAX_REMOVED

    async def run(self, client: DurableClient) -> Counter[str]:
        """Mend lists, then remove what is old; how many jobs came to what.

        Raises Unavailable where they cannot be listed, and an ExceptionGroup of bugs, at the end.
        """
        began = self.now()

        def enough() -> bool:
            return self.now() - began >= MAX_RUN

        mended = await process_all(
            self.jobs.index.find_orphans(), self._mended, lambda job_id: job_id, enough
        )
        before = began - self.retention
        old = islice(self.jobs.index.find_expired(before), self.most)
        gone = await process_all(
            old, lambda one: self._removed(client, one, before), lambda one: one.job_id, enough
        )
        came_to = mended + gone
        log.info("purged %s", " ".join(f"{end}={n}" for end, n in came_to.items()) or "nothing")
        return came_to

    async def _mended(self, job_id: str) -> str:
        """Make the index say what the job says: it is followed again, or listed as it ended."""
        await in_thread(lambda: self.jobs.sync(self.jobs.get(job_id)))
        return "mended"

    async def _removed(self, client: DurableClient, listed: ListRow, before: datetime) -> str:
        """Remove one job; its row in the list last, by which what a crash left is found again."""
        job = await in_thread(self.jobs.find, listed.job_id)
        # Without a job, or with another one of its id, it is what a crash left of a purge.
        if job and self.jobs.index.is_row_of(listed, job):
            if not job.phase.is_end or (job.finished_at or before) >= before:
                return await self._mended(listed.job_id)
            if await in_thread(lambda: self._is_counted(job)):
                return "kept"
            for attempt in range(1, job.attempt + 1):
                await purge_history(client, replace(job, attempt=attempt).instance_id)
            if not await in_thread(self.jobs.purge, job):
                return "kept"
        await in_thread(self.jobs.index.remove_listed, listed)
        return "removed"

    def _is_counted(self, job: Job) -> bool:
        """Whether a batch has not ended, whose tally would lack the search for ever."""
        parent = self.jobs.find(job.parent_job_id) if job.parent_job_id else None
        return parent is not None and not parent.phase.is_end
