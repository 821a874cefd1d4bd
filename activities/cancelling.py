"""Stopping a search: clear away what is there, and call it stopped once nothing is left (R6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.clearing import Clearing
from activities.steps import Desk
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb
from shared.errors import Unavailable


@dataclass(frozen=True)
class Cancelling:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk
    clearing: Clearing

    def cancel(self, order: Order) -> Report:
        """Delete what the search has on the cluster, and look whether it is gone."""
        return self.desk.take(Verb.CANCEL, order, self._cancel)

    def _cancel(self, job: Job, order: Order) -> Report:
        if job.phase is not Phase.CANCELLING:
            return self._begin(job, order)
        try:
            left = self.clearing.clear(job)
        except Unavailable as trouble:
            if not self._is_gone(job, trouble):
                return self._wait(
                    job, order, f"cannot be cleared away yet: {trouble}", trouble.after
                )
            return self._proven(job, order, str(trouble))
        if left:
            return self._wait(job, order, f"waiting for {', '.join(left[:5])} to go")
        return self._proven(job, order, "nothing is left")

    def _begin(self, job: Job, order: Order) -> Report:
        if job.cancel_requested_at is None:
            error = f"the search had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            return self.desk.condemn(job, order, Phase.TIMED_OUT, "timed_out", error)
        report = Report(Phase.CANCELLING, Verb.CANCEL)
        return self.desk.note(job, order, report, "cancelling", {"from_phase": job.phase.value})

    def _is_gone(self, job: Job, trouble: Unavailable) -> bool:
        """Whether the cluster itself is gone, and with it whatever ran there."""
        place, settings = job.search.placement, self.desk.settings
        same = (place.subscription_id, place.resource_group) == (
            settings.subscription_id,
            settings.resource_group,
        )
        return same and trouble.code == "cluster_not_found"

    def _wait(self, job: Job, order: Order, reason: str, wish: timedelta | None = None) -> Report:
        if given_up := self.desk.give_up(job, order, reason):
            return given_up
        wait = max(self.desk.pace(_since(job)), wish or timedelta(0))
        report = Report(Phase.CANCELLING, Verb.CANCEL, wait)
        if job.reason == reason or self.desk.told_lately(job, reason):
            return report
        kept = {"error_code": job.error_code, "error": job.error}
        said = {"reason": reason}
        return self.desk.note(job, order, report, "still_there", said, reason=reason, **kept)

    def _proven(self, job: Job, order: Order, proof: str) -> Report:
        took = (self.desk.now() - _since(job)).total_seconds()
        return self.desk.end_as_condemned(
            job, order, left_on_cluster=0, proof=proof, took_seconds=took
        )


def _since(job: Job) -> datetime:
    """When it was condemned, or asked to stop."""
    began = job.verdict.at if job.verdict else job.cancel_requested_at
    return began or job.updated_at
