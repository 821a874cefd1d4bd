"""Clean-up of ended jobs whose Jobs or pods may still run; it is retried for a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.activities import CleanupResult
from shared.contracts.job import Job
from shared.jobs import JobStateRepository
from shared.jobs.deletion import delete_if_requested
from shared.util.durations import RetryPolicy
from triggers.timers.stopper import Stopper

GIVE_UP_AFTER = timedelta(days=1)
"""Since the end of the job. A later cancel makes one more try."""
RETRY_POLICY = RetryPolicy(timedelta(minutes=1), 1.1, timedelta(minutes=30), None)
"""The delay between tries is a tenth of the time since the job's end: about 80 tries."""

log = logging.getLogger("blast")


@dataclass(frozen=True)
class LateCleanup:
    """Retries the clean-up of ended jobs. Idempotent; safe to run concurrently."""

    jobs: JobStateRepository
    now: Callable[[], datetime]

    async def retry(self, stopper: Stopper, job: Job, unreachable: set[str]) -> str:
        """Try once to clean up the job. Returns `confirmed`, `unconfirmed` or `abandoned`.

        `unreachable` collects the clusters that did not answer in this tick, so that no other job
        waits for them.
        """
        cluster = job.search.placement.cluster_name
        if cluster in unreachable:
            return await self.defer(job)
        result = await stopper.clean_up(job)
        if not result.is_reachable:
            unreachable.add(cluster)
        return await self._record(job, result)

    async def _record(self, job: Job, result: CleanupResult) -> str:
        if result.proof is not None:
            payload = {"left_on_cluster": "none", "proof": result.proof}
            confirmed = await self.jobs.confirm_cleanup(job, payload)
            log.info("cleanup_confirmed job_id=%s: %s", job.job_id, result.proof)
            await delete_if_requested(self.jobs, confirmed)
            return "confirmed"
        if self._time_since_end(job) < GIVE_UP_AFTER:
            return await self.defer(job, result.retry_after)
        if job.cleanup_abandoned_at is None:
            job = await self.jobs.abandon_cleanup(
                job, {"left_on_cluster": "unknown", "why": result.reason}
            )
            log.error("cleanup_abandoned job_id=%s: %s", job.job_id, result.reason)
        await self.jobs.sync(job)  # removes its active row; a later cancel adds it again
        return "abandoned"

    async def defer(self, job: Job, retry_after: timedelta | None = None) -> str:
        """Have the job tried again, the later the longer ago it ended. Returns `unconfirmed`."""
        delay = RETRY_POLICY.delay_after_elapsed(self._time_since_end(job))
        await self.jobs.index.defer(job, self.now() + max(delay, retry_after or timedelta(0)))
        return "unconfirmed"

    def _time_since_end(self, job: Job) -> timedelta:
        return self.now() - (job.finished_at or job.updated_at)
