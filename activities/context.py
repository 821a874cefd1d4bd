"""What every step has in common: taken once, aware of a cancel, and never silent about trouble."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.activities import ActivityInput, ActivityName, Category, Decision
from shared.contracts.job import Job, PendingFailure
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import RetryableError, Unavailable
from shared.jobs import JobStateRepository
from shared.settings import Settings

log = logging.getLogger("blast")
StepFunction = Callable[[Job, ActivityInput], Decision]
REASON_UPDATE_INTERVAL = timedelta(minutes=5)
"""How often a reason that has changed is written at most."""
LONGEST_ERROR = 2000
"""Characters of an error that a person is told; programs have its code."""


@dataclass(frozen=True)
class ActivityContext:
    """What every activity works with."""

    jobs: JobStateRepository
    settings: Settings
    now: Callable[[], datetime]
    publish: Callable[[Job], None]
    """Sends what a job owes to whoever waits for its messages. Raises Unavailable."""

    def run_step(
        self, activity: ActivityName, input_: ActivityInput, act: StepFunction
    ) -> Decision:
        """Take a step, unless it has been taken, the job has ended, or it is to be stopped.

        A store that does not answer is no reason to fail: the step is taken again later.
        """
        try:
            job = self.jobs.get(input_.job_id)
            if input_.attempt != job.attempt:
                return Decision(job.phase, None)
            if job.phase.is_end:
                return self._return_stored(job, Decision(job.phase, None))
            if job.step >= input_.step and job.decision is not None:
                return self._return_stored(job, job.decision)
            if activity not in (job.stop_activity, ActivityName.RECORD_CRASH) and self.should_stop(
                job
            ):
                return Decision(job.phase, job.stop_activity)
            if job.decision is not None and self._is_past(activity, job):
                return self._return_stored(job, job.decision)
            return act(job, input_)
        except RetryableError as error:
            options = self.settings.retry(Category.TRANSIENT)
            wait = options.delay_after_attempt(1, error.retry_after) or options.first
            return Decision(Phase.RETRYING, activity, wait, {"code": error.code})

    def should_stop(self, job: Job) -> bool:
        """Whether a cancel was requested, a failure is pending, or the deadline has passed."""
        return job.should_stop(self.now())

    def _is_past(self, activity: ActivityName, job: Job) -> bool:
        """Whether the row is beyond this step, whose number is new all the same.

        The write of the step before was done, but its answer was lost; or the order is an old one.
        """
        if activity is ActivityName.RECORD_CRASH or self.should_stop(job):
            return False
        return job.decision is not None and job.decision.next_stage is not activity

    def end(
        self,
        job: Job,
        input_: ActivityInput,
        phase: Phase,
        code: str | None = None,
        error: str | None = None,
        left: LeftOnCluster | None = None,
        **facts: object,
    ) -> Decision:
        """End the job; `left` says what a clean-up came to, if there was one."""
        trouble: dict[str, Any] = {}
        if code:
            trouble = {"error_code": code, "error": (error or "")[:LONGEST_ERROR]}
        changes: dict[str, Any] = {} if left is None else {"left_on_cluster": left}
        payload = facts | {name: value.value for name, value in changes.items()} | trouble
        decision = Decision(phase, None, custom_status={"code": code} if code else {})
        return self.save_step(job, input_, decision, phase.value, payload, **changes, **trouble)

    def begin_to_stop(self, job: Job, input_: ActivityInput) -> Decision:
        """Enter the phase in which the job is cleaned up, for a cancel or a passed deadline."""
        if job.cancel_requested_at is None:
            error = f"the search had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            return self.fail_and_clean_up(job, input_, Phase.TIMED_OUT, "timed_out", error)
        decision = Decision(Phase.CANCELLING, job.stop_activity)
        return self.save_step(job, input_, decision, "cancelling", {"from_phase": job.phase.value})

    def fail_and_clean_up(
        self, job: Job, input_: ActivityInput, phase: Phase, code: str, error: str, **changes: Any
    ) -> Decision:
        """End the job as soon as nothing of it is left: what has failed must not go on to cost."""
        trouble = {"error_code": code, "error": error[:LONGEST_ERROR]}
        decision = Decision(Phase.CANCELLING, job.stop_activity, custom_status={"code": code})
        return self.save_step(
            job,
            input_,
            decision,
            "failure_detected",
            trouble | {"ends_as": phase.value},
            pending_failure=PendingFailure(phase, code, trouble["error"], self.now()),
            reason="what is left of it on the cluster is cleared away",
            **trouble,
            **changes,
        )

    def finish_cleanup(self, job: Job, input_: ActivityInput, **facts: Any) -> Decision:
        """End a job of which nothing is left: as its failure says, else as cancelled."""
        if job.pending_failure is None:
            return self.end(job, input_, Phase.CANCELLED, left=LeftOnCluster.NONE, **facts)
        return self._end_as_failed(job, input_, job.pending_failure, LeftOnCluster.NONE, **facts)

    def _end_as_failed(
        self,
        job: Job,
        input_: ActivityInput,
        verdict: PendingFailure,
        left: LeftOnCluster,
        **facts: Any,
    ) -> Decision:
        code, error = verdict.error_code, verdict.error
        return self.end(job, input_, verdict.phase, code, error, left, **facts)

    def abandon_cleanup(self, job: Job, input_: ActivityInput, reason: str) -> Decision | None:
        """End a job of which something may be left, and say so; None as long as it can wait.

        A failed search waits for CLEAR_PATIENCE. A cancelled one waits for its proof until that
        long after its deadline, and never ends as `cancelled` without it. No job is given up while
        a submission may run that could leave more. Upkeep goes on to clean up what is given up.
        """
        began = job.pending_failure.at if job.pending_failure else job.deadline_at
        began = max(began, job.untracked_submission_until or began)
        if self.now() - began <= self.settings.cleanup_timeout:
            return None
        log.warning("cleanup_unconfirmed job_id=%s: %s", job.job_id, reason)
        unknown = LeftOnCluster.UNKNOWN
        if job.pending_failure:
            return self._end_as_failed(job, input_, job.pending_failure, unknown, why=reason)
        error = f"it was asked to stop, and something of it may be left: {reason}"
        return self.end(
            job, input_, Phase.TIMED_OUT, "cleanup_unconfirmed", error, unknown, why=reason
        )

    def save_step(
        self,
        job: Job,
        input_: ActivityInput,
        decision: Decision,
        event: str,
        payload: Mapping[str, object] | None = None,
        **changes: Any,
    ) -> Decision:
        """Write what a step came to: its report's phase, one event, and changes of other fields.

        The answer is what the row says: another run of the same step may have been first.
        """
        changed = self.jobs.update(
            job.job_id,
            event,
            payload,
            step=input_.step,
            attempt=input_.attempt,
            decision=decision,
            phase=decision.phase,
            **changes,
        )
        self._publish(changed)
        return changed.decision or decision

    def _return_stored(self, job: Job, decision: Decision) -> Decision:
        """Do what is done behind a transition: whoever made it may have died right after it."""
        self.jobs.sync(job)
        self._publish(job)
        return decision

    def _publish(self, job: Job) -> None:
        try:
            self.publish(job)
        except Unavailable as error:
            # It stays owed, and upkeep delivers it; the step has been taken.
            log.warning("%s owes messages: %s", job.job_id, error)

    def recently_reported(self, job: Job, reason: str | None) -> bool:
        """Whether a changed reason can wait: what rests has a bounded history all the same."""
        return bool(job.reason and reason) and self.now() - job.updated_at < REASON_UPDATE_INTERVAL

    def poll_interval(self, since: datetime) -> timedelta:
        """The wait until the next look at what began then."""
        return self.settings.poll_schedule.delay_at_age(self.now() - since)
