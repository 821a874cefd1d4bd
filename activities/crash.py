"""The end of a job that cannot go on: its activity keeps crashing, or its orchestration fails."""

from dataclasses import dataclass
from datetime import timedelta

from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, ActivityName, Decision
from shared.contracts.job import Job
from shared.contracts.states import Phase

AFTER_CRASH = timedelta(minutes=5)
CRASHED, ORCHESTRATION_FAILED = "activity_crashed", "orchestration_failed"


@dataclass(frozen=True)
class CrashRecorder:
    """May be repeated at any point."""

    context: ActivityContext

    def record_crash(self, input_: ActivityInput) -> Decision:
        """Fail the job with the text of its activity's crash."""
        return self.context.run_step(ActivityName.RECORD_CRASH, input_, self._crashed)

    def fail_without_orchestration(self, input_: ActivityInput) -> Decision:
        """Fail the job with the text of what its orchestration failed with, each time."""
        return self.context.run_step(
            ActivityName.RECORD_CRASH,
            input_,
            lambda job, order: self._record_crash(job, order, ORCHESTRATION_FAILED),
        )

    def _crashed(self, job: Job, input_: ActivityInput) -> Decision:
        if not self.context.should_stop(job):
            return self._record_crash(job, input_, CRASHED)
        if job.phase is not Phase.CANCELLING:
            return self.context.begin_to_stop(job, input_)
        # It is not stopped until that is proven, however often the proof dies.
        again = Decision(job.phase, job.stop_activity, AFTER_CRASH, {"code": CRASHED})
        # A batch is never given up: its searches can be asked, and end by themselves.
        given_up = (
            None
            if job.child_count
            else self.context.abandon_cleanup(job, input_, input_.crash or "")
        )
        return given_up or again

    def _record_crash(self, job: Job, input_: ActivityInput, code: str) -> Decision:
        if self.context.should_stop(job):
            return Decision(job.phase, job.stop_activity)
        has_landed = job.started_at is not None
        end = Phase.SEARCH_FAILED if has_landed else Phase.SUBMIT_FAILED
        return self.context.fail_and_clean_up(job, input_, end, code, input_.crash or "")
