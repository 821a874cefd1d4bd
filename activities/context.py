"""What every step has in common: taken once, aware of a cancel, and never silent about trouble."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.activities import Category, Order, Report, Verb
from shared.contracts.job import Job, Verdict
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import TryLater, Unavailable
from shared.jobs import JobStateRepository
from shared.settings import Settings

log = logging.getLogger("blast")
Act = Callable[[Job, Order], Report]
REASONS_APART = timedelta(minutes=5)
"""How often a reason that has changed is written at most."""
LONGEST_ERROR = 2000
"""Characters of an error that a person is told; programs have its code."""


@dataclass(frozen=True)
class Desk:
    """What every activity works with."""

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    deliver: Callable[[Job], None]
    """Sends what a job owes to whoever waits for its messages. Raises Unavailable."""

    def take(self, verb: Verb, order: Order, act: Act) -> Report:
        """Take a step, unless it has been taken, the job has ended, or it is to be stopped.

        A store that does not answer is no reason to fail: the step is taken again later.
        """
        try:
            job = self.jobs.get(order.job_id)
            if order.attempt != job.attempt:
                return Report(job.phase, None)
            if job.phase.is_end:
                return self._taken_before(job, Report(job.phase, None))
            if job.step >= order.step and job.report is not None:
                return self._taken_before(job, job.report)
            if verb not in (job.stopping, Verb.FAIL) and self.to_be_stopped(job):
                return Report(job.phase, job.stopping)
            if job.report is not None and self._is_past(verb, job):
                return self._taken_before(job, job.report)
            return act(job, order)
        except TryLater as trouble:
            options = self.settings.retry(Category.TRANSIENT)
            wait = options.wait(1, trouble.after) or options.first
            return Report(Phase.RETRYING, verb, wait, {"code": trouble.code})

    def to_be_stopped(self, job: Job) -> bool:
        """Whether a cancel was requested, a failure is pending, or the deadline has passed."""
        return job.should_stop(self.now())

    def _is_past(self, verb: Verb, job: Job) -> bool:
        """Whether the row is beyond this step, whose number is new all the same.

        The write of the step before was done, but its answer was lost; or the order is an old one.
        """
        if verb is Verb.FAIL or self.to_be_stopped(job):
            return False
        return job.report is not None and job.report.next is not verb

    def end(
        self,
        job: Job,
        order: Order,
        phase: Phase,
        code: str | None = None,
        error: str | None = None,
        left: LeftOnCluster | None = None,
        **facts: object,
    ) -> Report:
        """End the job; `left` says what a clean-up came to, if there was one."""
        trouble: dict[str, Any] = {}
        if code:
            trouble = {"error_code": code, "error": (error or "")[:LONGEST_ERROR]}
        changes: dict[str, Any] = {} if left is None else {"left_on_cluster": left}
        payload = facts | {name: value.value for name, value in changes.items()} | trouble
        report = Report(phase, None, postcard={"code": code} if code else {})
        return self.note(job, order, report, phase.value, payload, **changes, **trouble)

    def begin_to_stop(self, job: Job, order: Order) -> Report:
        """Enter the phase in which the job is cleaned up, for a cancel or a passed deadline."""
        if job.cancel_requested_at is None:
            error = f"the search had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            return self.condemn(job, order, Phase.TIMED_OUT, "timed_out", error)
        report = Report(Phase.CANCELLING, job.stopping)
        return self.note(job, order, report, "cancelling", {"from_phase": job.phase.value})

    def condemn(
        self, job: Job, order: Order, phase: Phase, code: str, error: str, **changes: Any
    ) -> Report:
        """End the job as soon as nothing of it is left: what has failed must not go on to cost."""
        trouble = {"error_code": code, "error": error[:LONGEST_ERROR]}
        report = Report(Phase.CANCELLING, job.stopping, postcard={"code": code})
        return self.note(
            job,
            order,
            report,
            "failing",
            trouble | {"ends_as": phase.value},
            verdict=Verdict(phase, code, trouble["error"], self.now()),
            reason="what is left of it on the cluster is cleared away",
            **trouble,
            **changes,
        )

    def end_as_condemned(self, job: Job, order: Order, **facts: Any) -> Report:
        """End a job of which nothing is left: as its failure says, else as cancelled."""
        if job.verdict is None:
            return self.end(job, order, Phase.CANCELLED, left=LeftOnCluster.NONE, **facts)
        return self._end_as_failed(job, order, job.verdict, LeftOnCluster.NONE, **facts)

    def _end_as_failed(
        self, job: Job, order: Order, verdict: Verdict, left: LeftOnCluster, **facts: Any
    ) -> Report:
        code, error = verdict.error_code, verdict.error
        return self.end(job, order, verdict.phase, code, error, left, **facts)

    def give_up(self, job: Job, order: Order, reason: str) -> Report | None:
        """End a job of which something may be left, and say so; None as long as it can wait.

        A failed search waits for CLEAR_PATIENCE. A cancelled one waits for its proof until that
        long after its deadline, and never ends as `cancelled` without it. No job is given up while
        a submission may run that could leave more. Upkeep goes on to clean up what is given up.
        """
        began = job.verdict.at if job.verdict else job.deadline_at
        began = max(began, job.unseen_until or began)
        if self.now() - began <= self.settings.clear_patience:
            return None
        log.warning("cleanup_unconfirmed job_id=%s: %s", job.job_id, reason)
        unknown = LeftOnCluster.UNKNOWN
        if job.verdict:
            return self._end_as_failed(job, order, job.verdict, unknown, why=reason)
        error = f"it was asked to stop, and something of it may be left: {reason}"
        return self.end(job, order, Phase.TIMED_OUT, "not_proven", error, unknown, why=reason)

    def note(
        self,
        job: Job,
        order: Order,
        report: Report,
        event: str,
        payload: Mapping[str, object] | None = None,
        **changes: Any,
    ) -> Report:
        """Write what a step came to: its report's phase, one event, and changes of other fields.

        The answer is what the row says: another run of the same step may have been first.
        """
        changed = self.jobs.update(
            job.job_id,
            event,
            payload,
            step=order.step,
            attempt=order.attempt,
            report=report,
            phase=report.phase,
            **changes,
        )
        self._tell(changed)
        return changed.report or report

    def _taken_before(self, job: Job, report: Report) -> Report:
        """Do what is done behind a transition: whoever made it may have died right after it."""
        self.jobs.follow(job)
        self._tell(job)
        return report

    def _tell(self, job: Job) -> None:
        try:
            self.deliver(job)
        except Unavailable as trouble:
            # It stays owed, and upkeep delivers it; the step has been taken.
            log.warning("%s owes messages: %s", job.job_id, trouble)

    def told_lately(self, job: Job, reason: str | None) -> bool:
        """Whether a changed reason can wait: what rests has a bounded history all the same."""
        return bool(job.reason and reason) and self.now() - job.updated_at < REASONS_APART

    def pace(self, since: datetime) -> timedelta:
        """The wait until the next look at what began then."""
        return self.settings.watch_pace.at(self.now() - since)
