"""The purge: removes expired jobs and repairs index rows that contradict their jobs."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.contracts.job import Job
from shared.jobs import JobStateRepository
from shared.jobs.index import ListRow
from triggers.durable_client import DurableClient, purge_history
from triggers.timers.bounded_work import process_all

MAX_RUN_TIME = timedelta(minutes=2)
"""Below `functionTimeout` of host.json: the host restarts the app if a function exceeds that."""
MAX_REMOVED = 20_000
"""Jobs that one run removes, or some more; the next run continues."""

log = logging.getLogger("blast")


@dataclass(frozen=True)
class Purger:
    """Removes jobs that ended longer than `retention` ago. Can be interrupted at any point."""

    jobs: JobStateRepository
    retention: timedelta
    now: Callable[[], datetime]
    max_removed: int = MAX_REMOVED

    async def run(self, client: DurableClient) -> Counter[str]:
        """Repair index rows, then remove expired jobs; count the jobs by result.

        Results are `repaired`, `removed`, `kept`, `failed` and `crashed`. Raises Unavailable if the
        index cannot be read, and an ExceptionGroup of bugs at the end.
        """
        started_at = self.now()

        def is_time_up() -> bool:
            return self.now() - started_at >= MAX_RUN_TIME

        results = Counter[str]()
        ended_before = started_at - self.retention

        def is_enough() -> bool:
            # Jobs that are kept do not count: there may be many of them before all others.
            return is_time_up() or results["removed"] >= self.max_removed

        try:
            orphans = self.jobs.index.find_orphans()
            await process_all(orphans, self._repair, lambda job_id: job_id, is_time_up, results)
            await process_all(
                self.jobs.index.find_expired(ended_before),
                lambda row: self._remove(client, row, ended_before),
                lambda row: row.job_id,
                is_enough,
                results,
            )
        finally:
            done = " ".join(f"{name}={n}" for name, n in results.items())
            log.info("purged %s", done or "nothing")
        return results

    async def _repair(self, job_id: str) -> str:
        """Write the index rows of a job again, so that they agree with its row."""
        await self.jobs.sync(await self.jobs.get(job_id))
        return "repaired"

    async def _remove(self, client: DurableClient, row: ListRow, ended_before: datetime) -> str:
        """Remove a job. Its list row goes last, because the next run finds the job by it."""
        job = await self.jobs.find(row.job_id)
        # If the job is gone, or its id belongs to a newer job, only the row of a purge that was
        # interrupted is left.
        if job and self.jobs.index.is_row_of(row, job):
            if not job.phase.is_end or (job.finished_at or ended_before) >= ended_before:
                return await self._repair(row.job_id)
            if await self._is_batch_active(job) or await self._has_searches(job):
                return "kept"
            for attempt in range(1, job.attempt + 1):
                await purge_history(client, replace(job, attempt=attempt).instance_id)
            if not await self.jobs.purge(job):
                return "kept"
        await self.jobs.index.remove_listed(row)
        return "removed"

    async def _is_batch_active(self, job: Job) -> bool:
        """Whether the job's batch is active: the batch must still count the job."""
        parent = await self.jobs.find(job.parent_job_id) if job.parent_job_id else None
        return parent is not None and not parent.phase.is_end

    async def _has_searches(self, job: Job) -> bool:
        """Whether searches of a batch are left: one that was retried may run, and is found by it.

        Those that have expired are removed in the same run, and their batch in the next.
        """
        return bool(job.child_count and (await self.jobs.index.children(job.job_id, 1)).jobs)
