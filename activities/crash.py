"""The end of a job that cannot go on: its activity keeps crashing, or its orchestration fails."""

from dataclasses import dataclass
from datetime import timedelta

from activities import endings
from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, StepResult
from shared.contracts.job import Job
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase

AFTER_CRASH = timedelta(minutes=5)
"""The wait before a clean-up that kept crashing is tried again."""
CRASHED, ORCHESTRATION_FAILED = "activity_crashed", "orchestration_failed"


@dataclass(frozen=True)
class CrashRecorder:
    """Records crashes. May be repeated at any point."""

    context: ActivityContext

    async def record_crash(self, input_: ActivityInput) -> StepResult:
        """Fail the job with the text of its activity's crash."""
        return await self.context.run_crash_step(input_, self._crashed)

    async def fail_without_orchestration(self, input_: ActivityInput) -> StepResult:
        """Fail the job with the text of the failure of its orchestration."""
        return await self.context.run_crash_step(
            input_, lambda job, input_: self._fail(job, input_, ORCHESTRATION_FAILED)
        )

    def _crashed(self, job: Job, input_: ActivityInput) -> Outcome:
        if endings.has_only_to_be_indexed(job):
            return endings.complete_without_index(job, input_.crash or "")
        if not self.context.should_stop(job):
            return self._fail(job, input_, CRASHED)
        if job.phase is not Phase.CANCELLING:
            return endings.begin_to_stop(job, self.context.now())
        again = Outcome(OutcomeKind.STOP, job.phase, AFTER_CRASH, code=CRASHED)
        if job.child_count:
            # A batch is never given up: its searches end by themselves.
            return again
        timeout = self.context.settings.cleanup_timeout
        abandoned = endings.abandon_cleanup(job, input_.crash or "", self.context.now(), timeout)
        return abandoned or again

    def _fail(self, job: Job, input_: ActivityInput, code: str) -> Outcome:
        if endings.has_only_to_be_indexed(job):
            return endings.complete_without_index(job, input_.crash or "")
        if self.context.should_stop(job):
            return Outcome(OutcomeKind.STOP, job.phase)
        has_landed = job.started_at is not None
        phase = Phase.SEARCH_FAILED if has_landed else Phase.SUBMIT_FAILED
        return endings.fail(phase, code, input_.crash or "", self.context.now())
