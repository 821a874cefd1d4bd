"""No job is lost: one that has not moved for too long is looked after, whatever it waits for."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.activities import Category
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster
from shared.jobs import JobStateRepository
from shared.settings import Settings
from shared.util.durations import MAX_RETRY_AFTER
from shared.util.threads import in_thread
from triggers.durable_client import DurableClient, InstanceStatus, from_here, get_status
from triggers.timers.bounded_work import process_all
from triggers.timers.late_cleanup import LateCleanup
from triggers.timers.recovery import Recovery
from triggers.timers.substitutes import Substitutes

MAX_TICK = timedelta(seconds=50)
"""The next tick comes a minute after this one began; what there was no time for comes then."""
ORPHAN_GRACE = timedelta(minutes=10)
"""A job's row follows its active row within a call or two, each of which ends within a minute. One
that comes later still is found, too: who writes it makes the active row once more behind it."""

log = logging.getLogger("blast")
Active = tuple[str, str]
"""The partition and the job id of an active row."""


@dataclass(frozen=True)
class Reconciler:
    """Looks after late jobs. What it does may be done twice, and by two at once.

    Work per tick grows with the jobs that are late, not with those that are active.
    """

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    publish: Callable[[Job], None]
    """Sends the messages that a job owes."""
    substitutes: Substitutes
    """Gives what takes the last steps of a job in place of its orchestration."""

    @property
    def _recovery(self) -> Recovery:
        return Recovery(self.jobs, self.settings, self.now, self.substitutes)

    @property
    def _late_cleanup(self) -> LateCleanup:
        return LateCleanup(self.jobs, self.now)

    async def tick(self, client: DurableClient) -> Counter[str]:
        """Look after all that are late, or as many as there is time for; how many came to what.

        Raises Unavailable where they cannot be listed, and an ExceptionGroup of bugs, at the end.
        """
        began, silent = self.now(), set[str]()
        came_to = await process_all(
            self.jobs.index.find_overdue(began),
            lambda active: self._look_after(client, active, silent),
            lambda active: active[1],
            enough=lambda: self.now() - began >= MAX_TICK,
        )
        if came_to:
            log.info("reconciled %s", " ".join(f"{end}={n}" for end, n in came_to.items()))
        return came_to

    async def _look_after(self, client: DurableClient, active: Active, silent: set[str]) -> str:
        job = await in_thread(self._unsettled, *active)
        if job is None:
            return "settled"
        try:
            if job.phase.is_end:
                return await self._ended(client, job, silent)
            return await self._kept_going(client, job)
        finally:  # whatever became of its orchestration
            if job.notify:
                await in_thread(self._publish_pending, job)

    def _unsettled(self, partition: str, job_id: str) -> Job | None:
        """The job, where something is still to be done for it; else it is active no more."""
        job = self.jobs.find(job_id)
        if job is None:
            # Whoever accepted it died before it was kept, and told nobody that it was.
            self.jobs.index.drop_orphan(partition, job_id, self.now() - ORPHAN_GRACE)
            return None
        is_done = job.phase.is_end and job.left_on_cluster is LeftOnCluster.NONE
        if is_done and self.jobs.sync(job):
            return None
        # Before anything else: one that takes long, or fails, is not in the way of those behind.
        self.jobs.index.defer(job, self.now() + self.settings.reconcile_after)
        return job

    def _publish_pending(self, job: Job) -> None:
        self.publish(job)
        if job.phase.is_end:
            self.jobs.sync(self.jobs.get(job.job_id))

    async def _ended(self, client: DurableClient, job: Job, silent: set[str]) -> str:
        """Clean up what may be left of a job that has ended; else it owes messages."""
        if job.left_on_cluster is LeftOnCluster.NONE:
            return "owes"
        substitute = self.substitutes(from_here(client))
        return await self._late_cleanup.try_again(substitute, job, silent)

    async def _kept_going(self, client: DurableClient, job: Job) -> str:
        """See to it that the job's orchestration lives; what was found."""
        seen = await get_status(client, job.instance_id)
        if seen and seen.is_running:
            if self.now() - seen.moved_at <= self._longest_silence():
                return "alive"
            await in_thread(self._say_stuck, job, seen)
            return "stuck"
        # An orchestration ends after its job's row and never before it. So a row that is read after
        # the look and has not ended has lost its orchestration.
        again = await in_thread(self.jobs.get, job.job_id)
        if again.phase.is_end or again.attempt != job.attempt:
            return "moved"
        return await self._recovery.recover(client, again, seen)

    def _longest_silence(self) -> timedelta:
        """How long an orchestration that is well may write nothing: it rests at most so long."""
        waits = [self.settings.retry(category).longest for category in Category]
        return max(MAX_RETRY_AFTER, *waits) + self.settings.reconcile_after

    def _say_stuck(self, job: Job, seen: InstanceStatus) -> None:
        """Say once why nothing moves. It is not ended: it may be at work, and cannot be asked."""
        reason = f"its orchestration has not moved since {seen.moved_at:%Y-%m-%d %H:%M:%S} UTC"
        if job.reason == reason:
            return
        said = {"runtime_status": seen.status, "reason": reason}
        self.jobs.update(
            job.job_id, "orchestration_stuck", said, attempt=job.attempt, reason=reason
        )
        log.error("orchestration_stuck job_id=%s is=%s", job.job_id, seen.status)
