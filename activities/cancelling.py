"""Stopping a search: delete what is there, and call it stopped once nothing is left (R6)."""

from dataclasses import dataclass
from datetime import timedelta

from activities.steps import Desk
from activities.submission import operation_id
from shared.clients.kubernetes import Cluster
from shared.clients.sidecar import Sidecar
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb
from shared.errors import Unavailable
from shared.exec_results import Refused, Unreachable

BREATH = timedelta(seconds=1)
"""Between two looks at what is left."""


@dataclass(frozen=True)
class Cancelling:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk
    cluster: Cluster
    sidecar: Sidecar

    def cancel(self, order: Order) -> Report:
        """Delete what the search has on the cluster, and look whether it is gone."""
        return self.desk.take(Verb.CANCEL, order, self._cancel)

    def _cancel(self, job: Job, order: Order) -> Report:
        if job.phase is not Phase.CANCELLING:
            return self._begin(job, order)
        try:
            left = self._clear(job)
        except Unavailable as trouble:
            return self._wait(job, order, f"cannot be stopped yet: {trouble}")
        if left:
            return self._wait(job, order, f"waiting for {', '.join(left[:5])} to go")
        return self._proven(job, order)

    def _begin(self, job: Job, order: Order) -> Report:
        report = Report(Phase.CANCELLING, Verb.CANCEL)
        return self.desk.note(job, order, report, "cancelling", {"from_phase": job.phase.value})

    def _clear(self, job: Job) -> list[str]:
        """Stop and delete everything of this search; what is still there. Raises Unavailable."""
        stopped = self.sidecar.stop_operation(operation_id(job))
        if isinstance(stopped, Refused | Unreachable):
            raise Unavailable("sidecar_unavailable", stopped.message)
        # What creates Jobs goes first, or it would create them again.
        self.cluster.delete_jobs(job.elb_job_id, "submit", "setup")
        self.cluster.delete_jobs(job.elb_job_id, "blast", "finalizer")
        jobs = [one.name for one in self.cluster.jobs_of(job.elb_job_id)]
        return jobs + [pod.name for pod in self.cluster.pods_of(job.elb_job_id)]

    def _wait(self, job: Job, order: Order, reason: str) -> Report:
        report = Report(Phase.CANCELLING, Verb.CANCEL, BREATH)
        if job.reason is not None:
            return report
        return self.desk.note(job, order, report, "still_there", {"reason": reason}, reason=reason)

    def _proven(self, job: Job, order: Order) -> Report:
        asked = job.cancel_requested_at
        if asked is None:
            error = f"the search had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            return self.desk.end(job, order, Phase.TIMED_OUT, "timed_out", error)
        took = (self.desk.now() - asked).total_seconds()
        return self.desk.end(job, order, Phase.CANCELLED, left_on_cluster=0, took_seconds=took)
