"""Deleting what a search has on the cluster and the sidecar, until nothing is left."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities import endings
from activities.context import ActivityContext
from activities.overrides import find_other_clusters
from activities.ports import Cluster, Clusters, Sidecar
from activities.submit_queue import SubmitQueue, longest_wait
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, CleanupResult, Stage, StepResult
from shared.contracts.exec import HttpRejection, OperationRunning, Unreachable, Untracked
from shared.contracts.job import Job
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.errors import Unavailable

log = logging.getLogger("blast")


@dataclass(frozen=True)
class ClusterCleanup:
    """Stops and deletes what attempts of a job have running. Idempotent."""

    clusters: Clusters
    sidecar: Sidecar
    submit_queue: SubmitQueue
    now: Callable[[], datetime]

    async def clean_up(self, job: Job) -> list[str]:
        """Stop and delete everything of the job; return the names of what is still there.

        The Jobs are deleted even if the sidecar does not answer: they cost money. An attempt that
        has its config has already cleaned up those before it. Of a completed job only those can
        have left something. Raises Unavailable.
        """
        if job.phase is Phase.COMPLETED:
            return await self.clean_up_previous_attempts(job)
        return await self._clean_up([job] if job.config_blob else [*job.previous_attempts, job])

    async def clean_up_previous_attempts(self, job: Job) -> list[str]:
        """The same for earlier attempts, however they ended. Raises Unavailable."""
        return await self._clean_up(job.previous_attempts)

    async def _clean_up(self, attempts: Sequence[Job]) -> list[str]:
        stops = [await self._stop_or_keep_slot(job) for job in attempts]
        errors = [stop for stop in stops if isinstance(stop, Unavailable)]
        running = [stop for stop in stops if isinstance(stop, str)]
        try:
            left = [
                name for job in attempts for name in await self._delete(self._cluster(job), job)
            ]
        except Unavailable as error:
            if running:
                # The error gets another code: that the cluster is gone proves nothing while a
                # submission may run, which creates a missing cluster.
                text = f"{', '.join(running)}; {error}"
                errors.append(Unavailable("cluster_unavailable", text, error.retry_after))
            raise [*errors, error][0] from error
        if errors:
            raise errors[0]
        if running:
            return [*left, *running]
        for job in attempts:
            await self.submit_queue.release(job)
        return left

    async def _stop_or_keep_slot(self, job: Job) -> Unavailable | str | None:
        """Stop the job's submission. While one may be running, no other search is submitted."""
        stop = await self._stop(job)
        if stop is not None:
            await self.submit_queue.renew(job)
        return stop

    async def _stop(self, job: Job) -> Unavailable | str | None:
        """Stop the job's submission; None once none can be running.

        Otherwise the error, or the name of what may be running. A submission that was never given
        to a sidecar is not looked at; one that is past its time was ended by its sidecar.
        """
        if job.untracked_submission_until is None:
            return None
        stopped = await self.sidecar.stop_operation(operation_id(job), job.sidecar_instance)
        if isinstance(stopped, OperationRunning):
            return Unavailable("sidecar_unavailable", "its submission has not ended yet")
        if self.now() >= job.untracked_submission_until:
            return None
        match stopped:
            case Untracked():
                until = f"{job.untracked_submission_until:%H:%M:%S} UTC"
                return f"a submission that cannot be stopped before {until}"
            case HttpRejection(status=401 | 403):
                log.error("configuration_refused job_id=%s code=sidecar_refused", job.job_id)
                return Unavailable("sidecar_refused", stopped.message)
            case HttpRejection() | Unreachable():
                return Unavailable("sidecar_unavailable", stopped.message)
        return None

    async def _delete(self, cluster: Cluster, job: Job) -> list[str]:
        elb_job_id = job.elb_job_id
        # Delete the Jobs that create Jobs first, or they create them again.
        await cluster.delete_jobs(elb_job_id, "submit", "setup")
        await cluster.delete_jobs(elb_job_id, "blast", "finalizer")
        # List pods before Jobs, as a pod can create a Job, and again after them, as a Job can have
        # created a pod just before it was deleted.
        pods = [pod.name for pod in await cluster.pods_of(elb_job_id)]
        left = pods or [cluster_job.name for cluster_job in await cluster.jobs_of(elb_job_id)]
        return left or [pod.name for pod in await cluster.pods_of(elb_job_id)]

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)


def operation_id(job: Job) -> str:
    """The id on the sidecar of the submit operation that is running, or comes next.

    It changes only once the operation before has been seen to end, so that no two run at a time.
    """
    return f"submit-{job.elb_job_id}-{job.ended_submit_operations}"


@dataclass(frozen=True)
class Cleanup:
    """The stage CLEAN_UP. May be repeated at any point."""

    context: ActivityContext
    cleanup: ClusterCleanup
    blobs: Blobs

    async def clean_up_search(self, input_: ActivityInput) -> StepResult:
        """Delete what the search has on the cluster, and look whether it is gone."""
        return await self.context.run_step(Stage.CLEAN_UP, input_, self._clean_up_search)

    async def clean_up(self, job: Job) -> CleanupResult:
        """Delete everything of a job once, and look whether something is left."""
        try:
            return await self._clean_up(job)
        except Unavailable as error:
            reason = f"cannot be cleaned up yet: {error}"
            return CleanupResult(None, reason, error.retry_after, is_reachable=False)

    async def _clean_up(self, job: Job) -> CleanupResult:
        """The same. Raises Unavailable."""
        proof = "nothing is left"
        try:
            left = await self.cleanup.clean_up(job)
        except Unavailable as error:
            if not self._is_gone(job, error):
                raise
            left, proof = [], str(error)
        if left:
            return CleanupResult(None, f"waiting for the end of {', '.join(left[:5])}")
        if other := await find_other_clusters(self.blobs, job):
            # What runs there cannot be seen from here, so that nothing is proven.
            return CleanupResult(None, f"it may run on {other}, which the app cannot check")
        return CleanupResult(proof)

    async def _clean_up_search(self, job: Job, input_: ActivityInput) -> Outcome:
        now = self.context.now()
        if job.phase is not Phase.CANCELLING:
            return endings.begin_to_stop(job, now)
        result = await self.clean_up(job)
        if result.proof is None:
            return self._pending(job, result)
        took = (self.context.now() - _since(job)).total_seconds()
        return endings.finish_cleanup(job, {"proof": result.proof, "took_seconds": took})

    def _is_gone(self, job: Job, error: Unavailable) -> bool:
        """Whether the cluster itself is gone, and with it everything that ran there."""
        place, settings = job.search.placement, self.context.settings
        is_ours = (place.subscription_id, place.resource_group) == (
            settings.subscription_id,
            settings.resource_group,
        )
        return is_ours and error.code == "cluster_not_found"

    def _pending(self, job: Job, result: CleanupResult) -> Outcome:
        reason, now = result.reason, self.context.now()
        timeout = self.context.settings.cleanup_timeout
        if abandoned := endings.abandon_cleanup(job, reason, now, timeout):
            return abandoned
        delay = max(self.context.poll_interval(_since(job)), result.retry_after or timedelta(0))
        longest = longest_wait(job, now)
        pending = Outcome(OutcomeKind.PENDING, Phase.CANCELLING, delay, longest=longest)
        if job.reason == reason or self.context.recently_reported(job, reason):
            return pending
        return replace(
            pending,
            event="cleanup_pending",
            payload={"reason": reason},
            changes={"reason": reason, "error_code": job.error_code, "error": job.error},
        )


def _since(job: Job) -> datetime:
    """The time of its failure, or of the request to cancel it."""
    began = job.pending_failure.at if job.pending_failure else job.cancel_requested_at
    return began or job.updated_at
