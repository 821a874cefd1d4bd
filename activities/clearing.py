"""Clearing away what a search has on the cluster and the sidecar, until nothing is left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.outside import Cluster, Clusters, Sidecar
from shared.contracts.job import Job
from shared.errors import Unavailable
from shared.exec_results import Refused, Unreachable


@dataclass(frozen=True)
class Clearing:
    """May be said again, until nothing is left."""

    clusters: Clusters
    sidecar: Sidecar
    now: Callable[[], datetime]

    def clear(self, job: Job) -> list[str]:
        """Stop and delete everything of this attempt; what is still there. Raises Unavailable.

        The Jobs are deleted even where the sidecar does not answer: they cost money.
        """
        unstopped = self._stop(job)
        left = self._delete(self.clusters(job.search.placement.cluster_name), job.elb_job_id)
        if unstopped:
            raise unstopped
        if job.unseen_until and self.now() < job.unseen_until:
            left.append(f"a submission that cannot be stopped before {job.unseen_until:%H:%M:%S}")
        return left

    def _stop(self, job: Job) -> Unavailable | None:
        stopped = self.sidecar.stop_operation(operation_id(job))
        if isinstance(stopped, Refused | Unreachable):
            return Unavailable("sidecar_unavailable", stopped.message)
        return None

    def _delete(self, cluster: Cluster, elb_job_id: str) -> list[str]:
        # What creates Jobs goes first, or it would create them again.
        cluster.delete_jobs(elb_job_id, "submit", "setup")
        cluster.delete_jobs(elb_job_id, "blast", "finalizer")
        cluster.free_slot(elb_job_id)
        # Pods before Jobs, since a pod can create a Job; and again after them, since a Job that
        # was just deleted can have got a pod.
        pods = [pod.name for pod in cluster.pods_of(elb_job_id)]
        left = pods or [one.name for one in cluster.jobs_of(elb_job_id)]
        return left or [pod.name for pod in cluster.pods_of(elb_job_id)]


def operation_id(job: Job) -> str:
    """The name of the submit operation that is running, or comes next, on the sidecar.

    It changes only once the one before has been seen to end, so that no two can run at a time.
    """
    return f"submit-{job.elb_job_id}-{job.operations}"
