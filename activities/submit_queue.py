"""The queue for the submit slot of each cluster: one search at a time, owners in turn."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.ports import Clusters, Orchestrations
from shared.clients.kubernetes import RENEWAL_INTERVAL, LeaseState
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository, QueueEntry

log = logging.getLogger("blast")


def longest_wait(job: Job, now: datetime) -> timedelta | None:
    """The longest wait until the next look at a job, which renews its slot; None: any.

    While a submission may run, its slot must not expire, or another search is submitted beside it.
    """
    until = job.untracked_submission_until
    return RENEWAL_INTERVAL if until and now < until else None


@dataclass(frozen=True)
class SubmitQueue:
    """The submit slots. Of each owner's searches only the oldest that waits can take one."""

    jobs: JobStateRepository
    clusters: Clusters
    orchestrations: Orchestrations

    async def acquire(self, job: Job) -> LeaseState:
        """Acquire or renew the cluster's slot.

        If an older job of the same owner is waiting, only renew the lease. Raises Unavailable.
        """
        cluster = self.clusters(job.search.placement.cluster_name)
        ahead = await self._first_waiting(lambda: self.jobs.index.submit_queue.first_ahead(job))
        if ahead is None:
            return await cluster.acquire_submit_lease(job.elb_job_id)
        slot = await cluster.renew_submit_lease(job.elb_job_id)
        if not slot.holder:
            await self._wake(ahead)
        return slot

    async def renew(self, job: Job) -> None:
        """Renew the slot if the job has it. If that fails it expires later."""
        cluster = self.clusters(job.search.placement.cluster_name)
        try:
            await cluster.renew_submit_lease(job.elb_job_id)
        except Unavailable as error:
            log.warning("submit_slot_not_renewed job_id=%s: %s", job.job_id, error)

    async def release(self, job: Job) -> None:
        """Release the slot, and wake the next job. Idempotent.

        Raises Unavailable if it is not released: it would be held until it expires.
        """
        cluster = self.clusters(job.search.placement.cluster_name)
        if not await cluster.release_submit_lease(job.elb_job_id):
            return
        try:
            # Dequeue first, or the next job still sees this one ahead of it.
            await self.jobs.index.submit_queue.remove(job)
            waiting = await self._first_waiting(
                lambda: self.jobs.index.submit_queue.next_owner_first(job)
            )
        except Unavailable as error:
            log.warning("next_job_not_woken job_id=%s: %s", job.job_id, error)
        else:
            if waiting:
                await self._wake(waiting)

    async def _wake(self, waiting: Job) -> None:
        """Wake a waiting job. If that fails, its own delay ends later."""
        try:
            await self.orchestrations.wake(waiting)
        except Unavailable as error:
            log.warning("waiting_job_not_woken job_id=%s: %s", waiting.job_id, error)

    async def _first_waiting(self, first: Callable[[], Awaitable[QueueEntry | None]]) -> Job | None:
        """The first job that still waits. Entries of jobs that do not wait are removed.

        A crash can leave such an entry, and a job with a cancel request has one until its next
        step. A job that only another version of the app can read holds up none: its place in the
        queue is lost, and the slot still keeps the submissions apart.
        """
        while entry := await first():
            try:
                job = await self.jobs.find(entry.job_id)
            except Unavailable as error:
                if error.code != "row_unreadable":
                    raise
                log.warning("waiting_job_unreadable job_id=%s: %s", entry.job_id, error)
                return None
            if job and job.phase is Phase.WAITING_FOR_SUBMIT_SLOT and not job.cancel_requested_at:
                return job
            await self.jobs.index.submit_queue.remove_entry(entry)
        return None
