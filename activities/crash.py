"""The end of a job that cannot go on: its activity keeps crashing, or its orchestration fails."""

from dataclasses import dataclass
from datetime import timedelta

from activities.context import Desk
from shared.contracts.activities import Order, Report, Verb
from shared.contracts.job import Job
from shared.contracts.states import Phase

AFTER_CRASH = timedelta(minutes=5)
CRASHED, ORCHESTRATION_FAILED = "crashed", "orchestration_failed"


@dataclass(frozen=True)
class Record:
    """May be repeated at any point."""

    desk: Desk

    def fail(self, order: Order) -> Report:
        """Fail the job with the text of its activity's crash."""
        return self.desk.take(Verb.FAIL, order, self._crashed)

    def fail_without_orchestration(self, order: Order) -> Report:
        """Fail the job with the text of what its orchestration failed with, each time."""
        return self.desk.take(
            Verb.FAIL, order, lambda job, order: self._fail(job, order, ORCHESTRATION_FAILED)
        )

    def _crashed(self, job: Job, order: Order) -> Report:
        if not self.desk.to_be_stopped(job):
            return self._fail(job, order, CRASHED)
        if job.phase is not Phase.CANCELLING:
            return self.desk.begin_to_stop(job, order)
        # It is not stopped until that is proven, however often the proof dies.
        again = Report(job.phase, job.stopping, AFTER_CRASH, {"code": CRASHED})
        # A batch is never given up: its searches can be asked, and end by themselves.
        given_up = None if job.children else self.desk.give_up(job, order, order.crash or "")
        return given_up or again

    def _fail(self, job: Job, order: Order, code: str) -> Report:
        if self.desk.to_be_stopped(job):
            return Report(job.phase, job.stopping)
        has_landed = job.started_at is not None
        end = Phase.SEARCH_FAILED if has_landed else Phase.SUBMIT_FAILED
        return self.desk.condemn(job, order, end, code, order.crash or "")
