"""Jobs whose orchestration has ended before they have: it is started again, or done without."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.job import Job
from shared.jobs import JobStateRepository
from shared.settings import Settings
from shared.util.durations import RetryPolicy
from triggers.durable_client import (
    FAILED,
    DurableClient,
    InstanceStatus,
    OrchestrationClient,
    start,
)
from triggers.timers.stopper import Stopper, StopperFactory

RESTARTS = RetryPolicy(timedelta(minutes=1), 2.0, timedelta(minutes=15), 6)
"""The waits between restarts without a step in between. After five of them the job fails."""
STEPS_AT_ONCE = 5
"""Steps of one job that a tick takes; each lasts seconds, and other jobs wait."""

log = logging.getLogger("blast")


@dataclass(frozen=True)
class Recovery:
    """May be repeated at any point, and by two at once."""

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    stopper_factory: StopperFactory

    async def recover(self, client: DurableClient, job: Job, seen: InstanceStatus | None) -> str:
        """Start the orchestration of a job again, or stop the job without it; what was done.

        An orchestration that fails at once hears no cancel and passes every deadline, so that these
        take effect here.
        """
        restarts = self._restarts(job, seen)
        is_failing = restarts > 0 or (seen is not None and seen.status == FAILED)
        if is_failing and job.should_stop(self.now()):
            return await self.stop(client, job)
        wait = RESTARTS.delay_after_attempt(restarts + 1)
        if wait is None:
            await self._fail(client, job, restarts, seen)
            return await self.stop(client, job)
        # Of two reconcilers, one gets a conflict here: the orchestration runs then.
        if not await start(client, job, self.settings.crash_retry):
            return "running"
        await self._record_restart(job, restarts + 1, wait, seen)
        return "restarted"

    def _restarts(self, job: Job, seen: InstanceStatus | None) -> int:
        """The restarts without progress. One that ran on for long has not failed at its start."""
        has_run = seen is not None and seen.moved_at - job.updated_at > RESTARTS.longest
        return 0 if has_run else job.restarts

    async def stop(self, client: DurableClient, job: Job) -> str:
        """Take the steps that stop the job, as far as they need not wait; what was done.

        Its orchestration may be taking the same steps: each is applied once.
        """
        stopper = self.stopper_factory(OrchestrationClient.of(client, self.settings))
        for _ in range(STEPS_AT_ONCE):
            result = await stopper.stop(job.job_id)
            if result.next_stage is None:
                log.warning("stopped_without_orchestration job_id=%s", job.job_id)
                return "stopped"
            if result.delay:
                break
        await self._defer(job.job_id, result.delay)
        return "stopping"

    async def _defer(self, job_id: str, delay: timedelta) -> None:
        await self.jobs.index.defer(await self.jobs.get(job_id), self.now() + delay)

    async def _fail(
        self, client: DurableClient, job: Job, restarts: int, seen: InstanceStatus | None
    ) -> None:
        error = f"its orchestration ended {restarts + 1} times before its next step: {_why(seen)}"
        log.error("orchestration_failed job_id=%s: %s", job.job_id, error)
        stopper: Stopper = self.stopper_factory(OrchestrationClient.of(client, self.settings))
        await stopper.fail(job.job_id, error)

    async def _record_restart(
        self, job: Job, restarts: int, wait: timedelta, seen: InstanceStatus | None
    ) -> None:
        """Write why, behind the step that comes next, and look soon whether it runs."""
        status = seen.status if seen else "none"
        level = logging.WARNING if restarts == 1 else logging.ERROR
        log.log(
            level, "orchestration_restarted job_id=%s was=%s: %s", job.job_id, status, _why(seen)
        )
        reason = f"its orchestration had ended ({_why(seen)}) and was started again"
        payload = {
            "runtime_status": status,
            "step": job.step + 1,
            "restarts": restarts,
            "reason": reason,
        }
        restarted = await self.jobs.record_restart(job, payload, reason, restarts)
        await self.jobs.index.defer(restarted, self.now() + wait)


def _why(seen: InstanceStatus | None) -> str:
    """The state of an orchestration that does not run, with its error if it failed."""
    if seen is None:
        return "it is unknown to Durable Functions"
    return f"{seen.status}: {seen.error}" if seen.error else seen.status
