"""Whose turn it is to submit to a cluster: one search at a time, and no caller before another."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from activities.ports import Clusters, Orchestrations
from shared.clients.kubernetes import LeaseState
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository, QueueEntry

log = logging.getLogger("blast")


@dataclass(frozen=True)
class SubmitQueue:
    """The submit slot of each cluster, for which only the oldest of a caller's searches stands."""

    jobs: JobStateRepository
    clusters: Clusters
    orchestrations: Orchestrations

    def acquire(self, job: Job) -> LeaseState:
        """Take or keep the cluster's slot; whoever has one of its own caller before it only keeps.

        Raises Unavailable.
        """
        cluster = self.clusters(job.search.placement.cluster_name)
        ahead = self._first_waiting(lambda: self.jobs.index.submit_queue.first_ahead(job))
        if ahead is None:
            return cluster.acquire_submit_lease(job.elb_job_id)
        slot = cluster.renew_submit_lease(job.elb_job_id)
        if not slot.holder:
            self._wake(ahead)
        return slot

    def release(self, job: Job) -> None:
        """Let others submit, and wake the one whose turn it is.

        Raises Unavailable: the slot would be missed until it expires.
        """
        cluster = self.clusters(job.search.placement.cluster_name)
        if not cluster.release_submit_lease(job.elb_job_id):
            return
        try:
            self.jobs.index.submit_queue.remove(
                job
            )  # else the next one would find it before itself
            waits = self._first_waiting(lambda: self.jobs.index.submit_queue.next_owner_first(job))
        except Unavailable as error:
            log.warning("nobody is called to submit after %s: %s", job.job_id, error)
        else:
            if waits:
                self._wake(waits)

    def is_free(self, job: Job) -> bool:
        """Whether nobody has the slot, as far as it can be seen."""
        try:
            slot = self.clusters(job.search.placement.cluster_name).renew_submit_lease(
                job.elb_job_id
            )
        except Unavailable:
            return False
        return not slot.holder

    def _wake(self, waits: Job) -> None:
        """Wake one who waits. Where that fails it comes by itself, in a while."""
        try:
            self.orchestrations.wake(waits)
        except Unavailable as error:
            log.warning("%s is not called to submit: %s", waits.job_id, error)

    def _first_waiting(self, first: Callable[[], QueueEntry | None]) -> Job | None:
        """Who is first and does wait; places of those who do no more are taken away.

        A crash leaves such a place, and so does one who is asked to cancel, until its next step.
        """
        while place := first():
            job = self.jobs.find(place.job_id)
            if job and job.phase is Phase.WAITING_FOR_SUBMIT_SLOT and not job.cancel_requested_at:
                return job
            self.jobs.index.submit_queue.remove_entry(place)
        return None
