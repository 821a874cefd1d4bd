"""Clearing away what a search has on the cluster and the sidecar, until nothing is left."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.context import Desk
from activities.ports import Cluster, Clusters, Sidecar
from activities.submit_queue import Turns
from shared.contracts.activities import CleanupResult, Order, Report, Verb
from shared.contracts.exec import Refused, Running, Unreachable, Untracked
from shared.contracts.job import Job, elb_id
from shared.contracts.states import Phase
from shared.errors import Unavailable

log = logging.getLogger("blast")


@dataclass(frozen=True)
class Clearing:
    """May be said again, until nothing is left."""

    clusters: Clusters
    sidecar: Sidecar
    turns: Turns
    now: Callable[[], datetime]

    def clear(self, job: Job) -> list[str]:
        """Stop and delete everything of the job; what is still there. Raises Unavailable.

        The Jobs are deleted even where the sidecar does not answer: they cost money. An attempt
        that has its config has cleared away those before it.
        """
        return self._clear([job] if job.config_blob else [*_earlier(job), job])

    def clear_earlier(self, job: Job) -> list[str]:
        """The same for what earlier attempts left, however they ended."""
        return self._clear(_earlier(job))

    def _clear(self, attempts: Sequence[Job]) -> list[str]:
        stops = [self._stop(one) for one in attempts]
        troubles = [stop for stop in stops if isinstance(stop, Unavailable)]
        running = [stop for stop in stops if isinstance(stop, str)]
        try:
            left = [name for one in attempts for name in self._delete(self._cluster(one), one)]
        except Unavailable as trouble:
            if running:
                # Not the trouble itself: that the cluster is gone proves nothing while a submission
                # may run, which creates the cluster that it misses.
                text = f"{', '.join(running)}; {trouble}"
                troubles.append(Unavailable("cluster_unavailable", text, trouble.after))
            raise [*troubles, trouble][0] from trouble
        if troubles:
            raise troubles[0]
        if running:
            return [*left, *running]
        for one in attempts:
            self.turns.free(one)
        return left

    def _stop(self, job: Job) -> Unavailable | str | None:
        """Stop its submission. The trouble, or what may be running; None once nothing can be.

        What never began is not asked about; what has outlived its time was ended by its sidecar.
        """
        if job.unseen_until is None:
            return None
        stopped = self.sidecar.stop_operation(operation_id(job), job.sidecar_instance)
        if isinstance(stopped, Running):
            return Unavailable("sidecar_unavailable", "its submission has not ended yet")
        if self.now() >= job.unseen_until:
            return None
        match stopped:
            case Untracked():
                return f"a submission that cannot be stopped before {job.unseen_until:%H:%M:%S}"
            case Refused(status=401 | 403):
                log.error("configuration_refused job_id=%s code=sidecar_refused", job.job_id)
                return Unavailable("sidecar_refused", stopped.message)
            case Refused() | Unreachable():
                return Unavailable("sidecar_unavailable", stopped.message)
        return None

    def _delete(self, cluster: Cluster, job: Job) -> list[str]:
        elb_job_id = job.elb_job_id
        # What creates Jobs goes first, or it would create them again.
        cluster.delete_jobs(elb_job_id, "submit", "setup")
        cluster.delete_jobs(elb_job_id, "blast", "finalizer")
        # Pods before Jobs, since a pod can create a Job; and again after them, since a Job that
        # was just deleted can have got a pod.
        pods = [pod.name for pod in cluster.pods_of(elb_job_id)]
        left = pods or [one.name for one in cluster.jobs_of(elb_job_id)]
        return left or [pod.name for pod in cluster.pods_of(elb_job_id)]

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)


def _earlier(job: Job) -> list[Job]:
    """The attempts before this one, as far as clearing them away needs them.

    The operations count on through the attempts, so that the last one's number is the job's.
    """
    return [replace(job, elb_job_id=elb_id(job.job_id, n)) for n in range(1, job.attempt)]


def operation_id(job: Job) -> str:
    """The name of the submit operation that is running, or comes next, on the sidecar.

    It changes only once the one before has been seen to end, so that no two can run at a time.
    """
    return f"submit-{job.elb_job_id}-{job.operations}"


@dataclass(frozen=True)
class Cancelling:
    """May be repeated at any point."""

    desk: Desk
    clearing: Clearing

    def cancel(self, order: Order) -> Report:
        """Delete what the search has on the cluster, and look whether it is gone."""
        return self.desk.take(Verb.CANCEL, order, self._cancel)

    def clean_up(self, job: Job) -> CleanupResult:
        """Delete everything of a job once, and look whether something is left."""
        try:
            left = self.clearing.clear(job)
        except Unavailable as trouble:
            if self._is_gone(job, trouble):
                return CleanupResult(str(trouble))
            reason = f"cannot be cleared away yet: {trouble}"
            return CleanupResult(None, reason, trouble.after, is_reachable=False)
        if left:
            return CleanupResult(None, f"waiting for {', '.join(left[:5])} to go")
        if job.other_cluster:
            # What runs there cannot be seen from here, so that nothing is proven.
            return CleanupResult(None, f"it may run on {job.other_cluster}, which is not asked")
        return CleanupResult("nothing is left")

    def _cancel(self, job: Job, order: Order) -> Report:
        if job.phase is not Phase.CANCELLING:
            return self.desk.begin_to_stop(job, order)
        result = self.clean_up(job)
        if result.proof is None:
            return self._wait(job, order, result)
        took = (self.desk.now() - _since(job)).total_seconds()
        return self.desk.end_as_condemned(job, order, proof=result.proof, took_seconds=took)

    def _is_gone(self, job: Job, trouble: Unavailable) -> bool:
        """Whether the cluster itself is gone, and with it whatever ran there."""
        place, settings = job.search.placement, self.desk.settings
        is_ours = (place.subscription_id, place.resource_group) == (
            settings.subscription_id,
            settings.resource_group,
        )
        return is_ours and trouble.code == "cluster_not_found" and not job.other_cluster

    def _wait(self, job: Job, order: Order, result: CleanupResult) -> Report:
        reason = result.reason
        if given_up := self.desk.give_up(job, order, reason):
            return given_up
        wait = max(self.desk.pace(_since(job)), result.retry_after or timedelta(0))
        report = Report(Phase.CANCELLING, Verb.CANCEL, wait)
        if job.reason == reason or self.desk.told_lately(job, reason):
            return report
        kept = {"error_code": job.error_code, "error": job.error}
        return self.desk.note(
            job, order, report, "still_there", {"reason": reason}, reason=reason, **kept
        )


def _since(job: Job) -> datetime:
    """When its failure was recorded, or when it was asked to stop."""
    began = job.verdict.at if job.verdict else job.cancel_requested_at
    return began or job.updated_at
