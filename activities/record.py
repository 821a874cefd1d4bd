"""The last word on a job whose activity kept dying."""

from dataclasses import dataclass
from datetime import timedelta

from activities.steps import Desk
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb

AFTER_CRASH = timedelta(minutes=5)


@dataclass(frozen=True)
class Record:
    """Its verb answers with a Report and may be said twice."""

    desk: Desk

    def fail(self, order: Order) -> Report:
        """End the job with the text of what its activity died of."""
        return self.desk.take(Verb.FAIL, order, self._fail)

    def _fail(self, job: Job, order: Order) -> Report:
        text = order.crash or ""
        if self.desk.to_be_stopped(job):
            # It is not stopped until that is proven, however often the proof dies.
            again = Report(job.phase, job.stopping, AFTER_CRASH, {"code": "crashed"})
            # A batch is never given up: its searches can be asked, and end by themselves.
            given_up = None if job.children else self.desk.give_up(job, order, text)
            return given_up or again
        landed = job.started_at is not None
        end = Phase.SEARCH_FAILED if landed else Phase.SUBMIT_FAILED
        return self.desk.condemn(job, order, end, "crashed", text)
