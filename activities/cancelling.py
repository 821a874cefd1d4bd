"""Stopping a search: delete what it has on the cluster, and end it once nothing is left (R6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.clearing import Clearing
from activities.steps import Desk
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import CleanupResult, Order, Report, Verb
from shared.errors import Unavailable


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
