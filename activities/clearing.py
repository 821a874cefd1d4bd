"""Clearing away what a search has on the cluster and the sidecar, until nothing is left."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activities.outside import Cluster, Clusters, Sidecar
from activities.turns import Turns
from shared.contracts.job import Job, elb_id
from shared.errors import Unavailable
from shared.exec_results import Refused, Running, Unreachable, Untracked

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
