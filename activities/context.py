"""The step runner around every activity: it reads the row, acts, decides and records."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from activities.endings import fail, has_only_to_be_indexed
from blast_orchestrator import workflow
from shared.contracts.activities import ActivityInput, Category, Decision, Stage, StepResult
from shared.contracts.job import Job, JobChanges
from shared.contracts.outcome import RETRY_EVENT, Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.errors import RetryableError, Unavailable
from shared.jobs import JobStateRepository, StepRecord, StoredJob
from shared.jobs.deletion import delete_if_requested
from shared.settings import Settings
from shared.telemetry.telemetry import Telemetry

log = logging.getLogger("blast")
StepFunction = Callable[[Job, ActivityInput], Awaitable[Outcome]]
CrashFunction = Callable[[Job, ActivityInput], Outcome]
REASON_UPDATE_INTERVAL = timedelta(minutes=5)
"""A changed reason is recorded at most this often."""


@dataclass(frozen=True)
class ActivityContext:
    """The dependencies of every activity, and what they do alike."""

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    publish: Callable[[Job], Awaitable[None]]
    """Sends the job's pending messages. Raises Unavailable."""
    telemetry: Telemetry = field(default_factory=Telemetry)

    async def run_step(self, stage: Stage, input_: ActivityInput, act: StepFunction) -> StepResult:
        """Run one step of a stage, unless the job's row says otherwise; record what it did.

        Idempotent: a step that the row has recorded returns what follows it, and `act` is not
        called. Nor is it called where the job has ended, is in another attempt or stage, is to be
        stopped, or before the time of a retry. If the store does not answer, the same stage
        follows after the first delay of the transient policy.
        """
        try:
            stored = await self.jobs.read(input_.job_id)
            job = stored.job
            if result := await self._recorded(job, stage, input_):
                return result
            if self._must_stop(job) and not workflow.is_clean_up(stage):
                outcome = Outcome(OutcomeKind.STOP, job.phase)
                return await self._apply(stored, stage, input_, outcome)
            if job.decision and job.next_stage is not stage and not self.should_stop(job):
                # The step before was recorded, but its result was lost; or this input is old.
                return await self._from_row(job)
            if wait := self._until_retry(job):
                return StepResult(job.phase, stage, input_.step + 1, wait, _status(job))
            return await self._apply(stored, stage, input_, await act(job, input_))
        except RetryableError as error:
            return self._try_again(stage, input_, error)

    async def run_crash_step(self, input_: ActivityInput, act: CrashFunction) -> StepResult:
        """Run the step that records a crash; it belongs to the stage that the row goes on with.

        Raises Unavailable where the store does not answer: the orchestrator tries again.
        """
        stored = await self.jobs.read(input_.job_id)
        job = stored.job
        return await self._recorded(job, None, input_) or await self._apply(
            stored, job.next_stage, input_, act(job, input_)
        )

    def should_stop(self, job: Job) -> bool:
        """Whether a cancel was requested, a failure is pending, or the deadline has passed."""
        return job.should_stop(self.now())

    def _must_stop(self, job: Job) -> bool:
        return self.should_stop(job) and not has_only_to_be_indexed(job)

    def recently_reported(self, job: Job, reason: str | None) -> bool:
        """Whether a changed reason can wait, so that the history of a waiting job stays bounded."""
        return bool(job.reason and reason) and self.now() - job.updated_at < REASON_UPDATE_INTERVAL

    def poll_interval(self, since: datetime) -> timedelta:
        """The delay until the next look at what began at `since`."""
        return self.settings.poll_schedule.delay_at_age(self.now() - since)

    async def _recorded(
        self, job: Job, stage: Stage | None, input_: ActivityInput
    ) -> StepResult | None:
        """The result of a step that needs no work, by the job's row; None where it does.

        `stage` is None for the step that records a crash.
        """
        if input_.attempt != job.attempt:
            return StepResult(job.phase, None)
        if job.phase.is_end:
            await self._finish_recording(job)
            return StepResult(job.phase, None)
        if job.step < input_.step or job.decision is None:
            return None
        await self._finish_recording(job)
        if job.step == input_.step and stage in (None, job.stage):
            return self._result(job.phase, job.decision, job.step, _status(job))
        return await self._from_row(job)

    async def _from_row(self, job: Job) -> StepResult:
        """The step that the row is at: this activity's input is behind it."""
        await self._finish_recording(job)
        return StepResult(job.phase, job.next_stage, job.step + 1, custom_status=_status(job))

    def _until_retry(self, job: Job) -> timedelta:
        """The rest of a retry's delay. A wake does not shorten it, as a wake is no try."""
        if job.decision is None or job.decision.not_before is None or self.should_stop(job):
            return timedelta(0)
        return max(job.decision.not_before - self.now(), timedelta(0))

    async def _apply(
        self, stored: StoredJob, stage: Stage, input_: ActivityInput, outcome: Outcome
    ) -> StepResult:
        """Decide what follows the outcome, and record both in one transaction, if it has news."""
        job = stored.job
        decision = workflow.decide(stage, outcome, job.retry_counts, self.settings.retry)
        if outcome.kind is OutcomeKind.RETRY:
            if decision.next_stage is stage:
                outcome, decision = self._scheduled(outcome, decision)
            else:
                code, at = outcome.code or "", self.now()
                outcome = fail(Phase.SUBMIT_FAILED, code, outcome.message, at, outcome.changes)
        decision = replace(decision, fan_out=outcome.fan_out)
        status = dict(outcome.facts) | ({"code": outcome.code} if outcome.code else {})
        if outcome.event is None:
            return self._result(outcome.phase, decision, input_.step, status)
        changes: JobChanges = {**outcome.changes, "phase": outcome.phase}
        row = await self.jobs.update(
            job.job_id,
            outcome.event,
            outcome.payload,
            step=StepRecord(input_.step, stage, decision),
            attempt=input_.attempt,
            stored=stored,
            **changes,
        )
        await self._publish(row)
        await delete_if_requested(self.jobs, row)
        if row.attempt != input_.attempt:
            return StepResult(row.phase, None)
        if row.step == input_.step:  # another run of this step may have been first
            return self._result(row.phase, row.decision or decision, row.step, status)
        return await self._from_row(row)

    def _scheduled(self, outcome: Outcome, decision: Decision) -> tuple[Outcome, Decision]:
        """The outcome of a failed try, with its event; the decision, with the time of the next."""
        category, at = outcome.category or Category.UNKNOWN, self.now() + decision.delay
        again = f"tried again at {at:%H:%M:%S} UTC"
        reason = f"{outcome.code}: {again}"
        if category is Category.CONFIGURATION:
            reason = f"an operator must act: {outcome.code}: {outcome.message}; {again}"
        changes: JobChanges = {
            **outcome.changes,
            "error_code": outcome.code,
            "error": outcome.message,
            "reason": reason,
        }
        payload = {
            "category": category.value,
            "attempt": decision.retry_counts[category],
            "retry_after_seconds": decision.delay.total_seconds(),
            "error_code": outcome.code,
            "error": outcome.message,
        }
        scheduled = replace(outcome, event=RETRY_EVENT, payload=payload, changes=changes)
        return scheduled, replace(decision, not_before=at)

    def _result(
        self, phase: Phase, decision: Decision, step: int, status: dict[str, object]
    ) -> StepResult:
        if decision.next_stage is None:
            return StepResult(phase, None, custom_status=status)
        return StepResult(
            phase, decision.next_stage, step + 1, decision.delay, status, decision.fan_out
        )

    def _try_again(self, stage: Stage, input_: ActivityInput, error: RetryableError) -> StepResult:
        """The same stage again, as the store did not answer: nothing can be recorded."""
        delay = self.settings.retry(Category.TRANSIENT).first_delay(error.retry_after)
        return StepResult(Phase.RETRYING, stage, input_.step + 1, delay, {"code": error.code})

    async def _finish_recording(self, job: Job) -> None:
        """Do what follows a transition: the process that made it may have died right after it."""
        await self.jobs.sync(job)
        await self._publish(job)
        await delete_if_requested(self.jobs, job)

    async def _publish(self, job: Job) -> None:
        try:
            await self.publish(job)
        except Unavailable as error:
            # The message stays pending, and reconcile publishes it; the step has been taken.
            log.warning("messages_pending job_id=%s: %s", job.job_id, error)


def _status(job: Job) -> dict[str, object]:
    """The custom status of a step that is not run: its code, by the row."""
    return {"code": job.error_code} if job.error_code else {}
