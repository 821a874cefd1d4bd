"""What every step has in common: taken once, aware of a cancel, and never silent about trouble."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Category, Order, Report, Verb
from shared.errors import TryLater
from shared.jobs import JobStateRepository
from shared.settings import Settings

Act = Callable[[Job, Order], Report]


@dataclass(frozen=True)
class Desk:
    """What every activity works with."""

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]

    def take(self, verb: Verb, order: Order, act: Act) -> Report:
        """Take a step, unless it has been taken, the job has ended, or it is to be stopped.

        A store that does not answer is no reason to fail: the step is taken again later.
        """
        try:
            job = self.jobs.get(order.job_id)
            if job.phase.is_end or order.attempt != job.attempt:
                return Report(job.phase, None)
            if job.step >= order.step and job.report is not None:
                return job.report
            if verb is not job.stopping and self.to_be_stopped(job):
                return Report(job.phase, job.stopping)
            return act(job, order)
        except TryLater as trouble:
            options = self.settings.retry(Category.TRANSIENT)
            wait = options.wait(1, trouble.after) or options.first
            return Report(Phase.RETRYING, verb, wait, {"code": trouble.code})

    def to_be_stopped(self, job: Job) -> bool:
        """Whether somebody asked for a cancel, or the deadline has passed."""
        return job.cancel_requested_at is not None or self.now() >= job.deadline_at

    def end(
        self,
        job: Job,
        order: Order,
        phase: Phase,
        code: str | None = None,
        error: str | None = None,
        **facts: object,
    ) -> Report:
        """End the job."""
        trouble = {"error_code": code, "error": error} if code else {}
        report = Report(phase, None, postcard={"code": code} if code else {})
        return self.note(job, order, report, phase.value, facts | trouble, **trouble)

    def note(
        self,
        job: Job,
        order: Order,
        report: Report,
        event: str,
        payload: Mapping[str, object] | None = None,
        **changes: Any,
    ) -> Report:
        """Write what a step came to: its report's phase, one event, and changes of other fields."""
        self.jobs.update(
            job.job_id,
            event,
            payload,
            step=order.step,
            attempt=order.attempt,
            report=report,
            phase=report.phase,
            **changes,
        )
        return report

    def pace(self, job: Job) -> timedelta:
        """The wait until the next look at a search of this age."""
        return self.settings.watch_pace.at(self.now() - (job.started_at or job.created_at))
