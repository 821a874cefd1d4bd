"""The reconciler: recovers jobs that have not progressed for too long."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.contracts.activities import Category
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.jobs import JobStateRepository
from shared.jobs.deletion import delete_job
from shared.jobs.rows import active_partition
from shared.last_step import followed_by
from shared.settings import Settings
from shared.telemetry.names import RECONCILE
from shared.telemetry.telemetry import Telemetry
from shared.util.durations import MAX_RETRY_AFTER
from triggers.durable_client import DurableClient, InstanceStatus, OrchestrationClient, get_status
from triggers.timers.bounded_work import process_all
from triggers.timers.late_cleanup import LateCleanup
from triggers.timers.recovery import Recovery
from triggers.timers.stopper import StopperFactory

MAX_TICK_TIME = timedelta(seconds=50)
"""The next tick starts a minute after this one did and continues with the remaining jobs."""
MAX_CLAIMS_TIME = timedelta(seconds=30)
"""For removing expired claims after that; the next tick continues."""
ORPHAN_GRACE = timedelta(minutes=10)
"""Time between an active row and its job's row: an upload and a transaction, four minutes at most.
A later job is not lost: its first step writes the active row again."""

log = logging.getLogger("blast")
ActiveRowKey = tuple[str, str]
"""The partition and the job id of an active row."""


@dataclass(frozen=True)
class Reconciler:
    """Recovers overdue jobs. Idempotent; safe to run concurrently.

    The work per tick is proportional to the overdue jobs, not to the active ones.
    """

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    publish: Callable[[Job], Awaitable[None]]
    """Sends the pending messages of a job."""
    stopper_factory: StopperFactory
    """Makes the object that runs the last steps of a job in place of its orchestration."""
    telemetry: Telemetry = field(default_factory=Telemetry)

    @property
    def _recovery(self) -> Recovery:
        return Recovery(self.jobs, self.settings, self.now, self.stopper_factory)

    @property
    def _late_cleanup(self) -> LateCleanup:
        return LateCleanup(self.jobs, self.now)

    async def tick(self, client: DurableClient) -> Counter[str]:
        """Recover overdue jobs until none is left or the time is up; count the jobs by result.

        Then remove claims that have expired.
        Raises Unavailable if the index cannot be read, and an ExceptionGroup of bugs at the end.
        """
        started_at, unreachable = self.now(), set[str]()
        results = Counter[str]()
        async with followed_by(lambda: self._end_tick(results), "end_of_tick"):
            await process_all(
                self.jobs.index.find_overdue(started_at),
                lambda row_key: self._reconcile(client, row_key, unreachable),
                lambda row_key: row_key[1],
                lambda: self.now() - started_at >= MAX_TICK_TIME,
                results,
            )
        return results

    async def _end_tick(self, results: Counter[str]) -> None:
        """Report what was done, also before the index failed or beside a job that crashes in each
        tick, and remove expired claims, of which there would be ever more."""
        self._report(results)
        started_at = self.now()
        await self.jobs.index.claims.remove_expired(
            started_at, lambda: self.now() - started_at >= MAX_CLAIMS_TIME
        )

    def _report(self, results: Counter[str]) -> None:
        for result, number in results.items():
            self.telemetry.measure(RECONCILE, number, result=result)
        if results:
            log.info("reconciled %s", " ".join(f"{name}={n}" for name, n in results.items()))

    async def _reconcile(
        self, client: DurableClient, row_key: ActiveRowKey, unreachable: set[str]
    ) -> str:
        job = await self._find_unsettled(*row_key)
        if job is None:
            return "settled"
        # Messages do not depend on the orchestration's state.
        async with followed_by(lambda: self._publish_pending(job), "publish_messages"):
            if job.phase.is_end:
                return await self._reconcile_ended(client, job, unreachable)
            return await self._reconcile_active(client, job)

    async def _find_unsettled(self, partition: str, job_id: str) -> Job | None:
        """Return the job if it needs work; otherwise remove its active row and return None."""
        job = await self.jobs.find(job_id)
        if job is None:
            # The accepting process crashed before it wrote the job's row; no client got a 202.
            await self.jobs.index.drop_orphan(partition, job_id, self.now() - ORPHAN_GRACE)
            return None
        is_done = job.phase.is_end and job.left_on_cluster is LeftOnCluster.NONE
        is_settled = is_done and await self.jobs.sync(job)
        if not is_settled:
            # First, so that a job whose recovery is slow or fails does not block the next ones.
            await self.jobs.index.defer(job, self.now() + self.settings.reconcile_after)
        if partition != active_partition(job):
            # A search of a batch has another one once it is retried.
            await self.jobs.index.remove_active(partition, job_id)
        return None if is_settled else job

    async def _publish_pending(self, job: Job) -> None:
        if not job.notify:
            return
        await self.publish(job)
        if job.phase.is_end:
            await self.jobs.sync(await self.jobs.get(job.job_id))

    async def _reconcile_ended(self, client: DurableClient, job: Job, unreachable: set[str]) -> str:
        """Retry the clean-up of an ended job, or delete it if its owner wants that.

        `messages_pending` if only messages are left.
        """
        if job.is_to_be_deleted:
            return await self._delete(job)
        if job.left_on_cluster is LeftOnCluster.NONE:
            return "messages_pending"
        stopper = self.stopper_factory(OrchestrationClient.of(client, self.settings))
        return await self._late_cleanup.retry(stopper, job, unreachable)

    async def _delete(self, job: Job) -> str:
        if await delete_job(self.jobs, job):
            return "deleted"
        await self._late_cleanup.defer(job)  # a search of the batch has no proof yet
        return "delete_pending"

    async def _reconcile_active(self, client: DurableClient, job: Job) -> str:
        """Check the job's orchestration and recover the job if the orchestration does not run."""
        instance = await get_status(client, job.instance_id)
        if instance and instance.is_running:
            if self.now() - instance.moved_at <= self._max_idle_time():
                return "running"
            await self._record_stuck(job, instance)
            if self._is_stop_overdue(job):
                return await self._recovery.stop(client, job)
            return "stuck"
        # An orchestration ends after its job's row has ended. So if the row, read after the
        # status, has not ended, the orchestration is lost.
        current = await self.jobs.get(job.job_id)
        if current.phase.is_end or current.attempt != job.attempt:
            return "moved"
        return await self._recovery.recover(client, current, instance)

    def _is_stop_overdue(self, job: Job) -> bool:
        """Whether the job should have stopped for longer than any activity can run.

        An activity that began before a cancel has not seen it and may be submitting: a clean-up
        beside it could prove too early that nothing is left.
        """
        return self.now() - job.should_stop_since > self._max_idle_time()

    def _max_idle_time(self) -> timedelta:
        """Return the longest time that a healthy orchestration can sleep without a write."""
        delays = [self.settings.retry(category).longest for category in Category]
        return max(MAX_RETRY_AFTER, *delays) + self.settings.reconcile_after

    async def _record_stuck(self, job: Job, instance: InstanceStatus) -> None:
        """Record once that the orchestration is stuck; it is not stopped, as it may still run.

        A job whose clean-up goes on without it keeps the reason of the clean-up.
        """
        moved_at = f"{instance.moved_at:%Y-%m-%d %H:%M:%S}"
        reason = f"its orchestration has not moved since {moved_at} UTC"
        if job.reason == reason or job.phase is Phase.CANCELLING:
            return
        payload = {"runtime_status": instance.status, "reason": reason}
        await self.jobs.update(
            job.job_id, "orchestration_stuck", payload, attempt=job.attempt, reason=reason
        )
        log.error("orchestration_stuck job_id=%s is=%s", job.job_id, instance.status)
