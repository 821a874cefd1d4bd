"""Jobs that ended while something of them may be left: their clean-up goes on for a day."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.activities import CleanupResult
from shared.contracts.job import Job
from shared.jobs import JobStateRepository
from shared.util.durations import RetryPolicy
from shared.util.threads import in_thread
from triggers.timers.substitutes import Substitute

KEEP_TRYING = timedelta(days=1)
"""After the end of a job; a person who cancels it later has it tried once more."""
PACE = RetryPolicy(timedelta(minutes=1), 1.1, timedelta(minutes=30), None)
"""Between two tries: a tenth of the time since the job's end. It is tried about 80 times."""

log = logging.getLogger("blast")


@dataclass(frozen=True)
class LateCleanup:
    """May be repeated at any point, and by two at once."""

    jobs: JobStateRepository
    now: Callable[[], datetime]

    async def try_again(self, substitute: Substitute, job: Job, silent: set[str]) -> str:
        """Try once to clean up the job; what that came to.

        `silent` are the clusters that could not be asked in this tick: no other job waits for them.
        """
        cluster = job.search.placement.cluster_name
        if cluster in silent:
            return await in_thread(self._defer, job)
        result = await in_thread(substitute.clean_up, job)
        if not result.is_reachable:
            silent.add(cluster)
        return await in_thread(self._record, job, result)

    def _record(self, job: Job, result: CleanupResult) -> str:
        if result.proof is not None:
            self.jobs.confirm_cleanup(job, {"left_on_cluster": "none", "proof": result.proof})
            log.info("cleanup_confirmed job_id=%s: %s", job.job_id, result.proof)
            return "confirmed"
        if self._since(job) < KEEP_TRYING:
            return self._defer(job, result.retry_after)
        if job.cleanup_abandoned_at is None:
            job = self.jobs.abandon_cleanup(
                job, {"left_on_cluster": "unknown", "why": result.reason}
            )
            log.error("cleanup_abandoned job_id=%s: %s", job.job_id, result.reason)
        self.jobs.sync(job)  # it is active no more, until a person cancels it once more
        return "abandoned"

    def _defer(self, job: Job, retry_after: timedelta | None = None) -> str:
        wait = max(PACE.delay_after_elapsed(self._since(job)), retry_after or timedelta(0))
        self.jobs.index.defer(job, self.now() + wait)
        return "unconfirmed"

    def _since(self, job: Job) -> timedelta:
        return self.now() - (job.finished_at or job.updated_at)
