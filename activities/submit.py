"""Submitting a search: the config is written once, and elastic-blast is started once (R1, R2)."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from activities import endings
from activities.cleanup import ClusterCleanup
from activities.context import ActivityContext
from activities.launcher import Attempt, EarlierSubmission, Launcher, Overtaken
from activities.overrides import find_other_clusters
from activities.submit_queue import SubmitQueue, longest_wait
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import RENEWAL_INTERVAL, LeaseState
from shared.contracts.activities import ActivityInput, Category, Stage, StepResult
from shared.contracts.exec import Finished, OperationRunning, Result, Untracked
from shared.contracts.job import Job, JobChanges
from shared.contracts.outcome import SUBMITTED_EVENT, Outcome, OutcomeKind
from shared.contracts.states import LeftOnCluster, Phase
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.elastic_blast.config import render
from shared.elastic_blast.message_rules import CLUSTER_UNREADABLE
from shared.elastic_blast.submit_outcome import (
    SubmitOutcome,
    SubmitOutcomeKind,
    classify,
)
from shared.errors import AccessRefused, Unavailable
from shared.util.redaction import redacted_output

log = logging.getLogger("blast")

NOTHING_RUNS: JobChanges = {"untracked_submission_until": None, "sidecar_instance": None}
"""Changes of a row whose submissions are all known to have ended."""
CLUSTER_GONE, CLUSTER_REFUSED = "cluster_not_found", "cluster_refused"
"""Codes of our own look at the cluster."""


@dataclass(frozen=True)
class Submitter:
    """The stages PREPARE and SUBMIT."""

    context: ActivityContext
    blobs: Blobs
    launcher: Launcher
    cleanup: ClusterCleanup
    submit_queue: SubmitQueue

    async def prepare(self, input_: ActivityInput) -> StepResult:
        """Write the config that every try of this attempt uses."""
        return await self.context.run_step(Stage.PREPARE, input_, self._prepare)

    async def submit(self, input_: ActivityInput) -> StepResult:
        """Start elastic-blast, or find that it was started; wait briefly for its result."""
        return await self.context.run_step(Stage.SUBMIT, input_, self._submit)

    async def _prepare(self, job: Job, input_: ActivityInput) -> Outcome:
        if await self._was_left_by_batch(job):
            await self.context.jobs.request_cancel(job.job_id)
            return Outcome(OutcomeKind.STOP, job.phase)
        if pending := await self._clean_up_previous(job):
            return pending
        settings = self.context.settings
        account = StorageAccount(job.search.placement.storage_account, settings.storage_suffix)
        url = account.url(QUERIES, f"{job.job_id}/{job.elb_job_id}.ini")
        await self.blobs.put_if_absent(url, render(job.search).encode())
        return Outcome(
            OutcomeKind.DONE,
            Phase.SUBMITTING,
            event="config_written",
            payload={"config_blob": url},
            # The submissions of earlier attempts have ended, as their clean-up has proven.
            changes={"config_blob": url, **NOTHING_RUNS, **await self._left_by_previous(job)},
        )

    async def _was_left_by_batch(self, job: Job) -> bool:
        """Whether the batch of the search is being stopped or has ended, and so must not run it.

        The activity that creates searches may die, or be late, after the batch has cancelled those
        that it could see. A retry of a search is a request of its own. Raises Unavailable.
        """
        if job.parent_job_id is None or job.attempt > 1:
            return False
        parent = await self.context.jobs.find(job.parent_job_id)
        return parent is None or parent.phase.is_end or self.context.should_stop(parent)

    async def _left_by_previous(self, job: Job) -> JobChanges:
        """What earlier attempts left: nothing on their own cluster, as their clean-up has proven.

        What they left on another one cannot be seen from here. Raises Unavailable.
        """
        other = await find_other_clusters(self.blobs, job)
        left = LeftOnCluster.UNKNOWN if other else LeftOnCluster.NONE
        return {"other_cluster": other, "left_on_cluster": left}

    async def _clean_up_previous(self, job: Job) -> Outcome | None:
        """Clean up earlier attempts; None once nothing is left of them."""
        retry_after: timedelta | None = None
        try:
            left = ", ".join((await self.cleanup.clean_up_previous_attempts(job))[:5])
        except Unavailable as error:
            left, retry_after = str(error), error.retry_after
        if not left:
            return None
        delay = max(self.context.poll_interval(job.updated_at), retry_after or timedelta(0))
        pending = Outcome(
            OutcomeKind.PENDING,
            Phase.RETRYING,
            delay,
            code="earlier_attempt",
            longest=longest_wait(job, self.context.now()),
        )
        if job.phase is Phase.RETRYING:
            return pending
        reason = f"an earlier attempt is cleaned up first: {left}"
        return replace(
            pending,
            event="previous_attempt_cleanup",
            payload={"reason": reason},
            changes={"reason": reason},
        )

    async def _submit(self, job: Job, input_: ActivityInput) -> Outcome:
        try:
            attempt = await self.launcher.submit_or_attach(job)
        except Unavailable as error:
            attempt = Attempt(job, error)
        except Overtaken:
            # The next step reads the row again; this one must not write what it read before.
            delay = self.context.settings.retry(Category.TRANSIENT).first
            return Outcome(OutcomeKind.PENDING, job.phase, delay, longest=RENEWAL_INTERVAL)
        outcome = await self._outcome(attempt)
        if "untracked_submission_until" in outcome.changes:  # nothing runs any more
            return outcome
        return replace(outcome, longest=longest_wait(attempt.job, self.context.now()))

    async def _outcome(self, attempt: Attempt) -> Outcome:
        job = attempt.job
        match attempt.found:
            case LeaseState():
                return self._wait_for_slot(job)
            case EarlierSubmission() as earlier:
                landed = SubmitOutcome(SubmitOutcomeKind.ACCEPTED, earlier.value)
                return await self._accepted(attempt, landed)
            case Unavailable() as failure:
                return await self._after(attempt, _failed_look(job, failure))
            case result:
                return await self._after(attempt, classify(_redacted(result), job.job_id))

    async def _after(self, attempt: Attempt, outcome: SubmitOutcome) -> Outcome:
        match outcome.kind:
            case SubmitOutcomeKind.PENDING:
                return self._pending(attempt)
            case SubmitOutcomeKind.ACCEPTED | SubmitOutcomeKind.DONE:
                return await self._accepted(attempt, outcome)
            case SubmitOutcomeKind.RETRY:
                return await self._retry(attempt, outcome)
            case SubmitOutcomeKind.FAILED:
                return self._failed(attempt, outcome)

    def _pending(self, attempt: Attempt) -> Outcome:
        """The submission runs. If its sidecar cannot wait for it, the orchestrator does."""
        job = attempt.job
        is_untracked = isinstance(attempt.found, Untracked)
        delay = self.context.poll_interval(job.updated_at) if is_untracked else timedelta(0)
        is_running = isinstance(attempt.found, OperationRunning)
        pending = Outcome(OutcomeKind.PENDING, Phase.SUBMITTING, delay, is_running=is_running)
        if job.phase is Phase.SUBMITTING and (job.reason or not is_untracked):
            return pending
        reason = None
        if is_untracked:
            until = f"{job.untracked_submission_until:%H:%M:%S}"
            reason = f"a submission whose state is unknown may run until {until} UTC"
        return replace(pending, event="submitting", changes={"reason": reason})

    async def _accepted(self, attempt: Attempt, outcome: SubmitOutcome) -> Outcome:
        """The search is on the cluster. The code is elastic-blast's decision, or the look's."""
        job, result, now = attempt.job, attempt.found, self.context.now()
        if differing := await self.launcher.overrides(job, outcome.cluster_name):
            # The search runs where observe_search does not look.
            other = differing.other_cluster or job.other_cluster
            changes: JobChanges = {"other_cluster": other, **_ended(attempt)}
            code, error = "config_overridden", str(differing)
            return endings.fail(Phase.SUBMIT_FAILED, code, error, now, changes)
        took = result.duration if isinstance(result, Finished) else timedelta(0)
        # If this fails the step is repeated: no other activity would release the slot.
        await self.submit_queue.release(job)
        return Outcome(
            OutcomeKind.DONE,
            Phase.SUBMITTED,
            self.context.settings.poll_schedule.delay_at_age(timedelta(0)),
            event=SUBMITTED_EVENT,
            payload={"decision": outcome.code, "took_seconds": took.total_seconds()},
            changes={"started_at": now, **_ended(attempt)},
        )

    def _wait_for_slot(self, job: Job) -> Outcome:
        """Wait for the submit slot; delays grow with the time since the first, recorded wait."""
        phase, category = Phase.WAITING_FOR_SUBMIT_SLOT, Category.SUBMIT_SLOT
        if job.phase is phase:
            policy = self.context.settings.retry(category)
            delay = policy.delay_after_elapsed(self.context.now() - job.updated_at)
            return Outcome(OutcomeKind.PENDING, phase, delay, category)
        # Without a delay: a job that released the slot before this was recorded woke no other.
        return Outcome(
            OutcomeKind.PENDING,
            phase,
            category=category,
            event=phase.value,
            payload={"cluster": job.search.placement.cluster_name},
            changes={"reason": "another search is being submitted to this cluster, one at a time"},
        )

    async def _retry(self, attempt: Attempt, outcome: SubmitOutcome) -> Outcome:
        """Another try, as the policy of its category allows (R3)."""
        job, changes = attempt.job, _proof(attempt, outcome)
        if self._lets_others(attempt, outcome, changes):
            await self._release(job)
        if outcome.category is Category.CONFIGURATION:
            log.error("configuration_refused job_id=%s code=%s", job.job_id, outcome.code)
        waits_for_capacity = outcome.category is Category.CAPACITY
        return Outcome(
            OutcomeKind.RETRY,
            Phase.WAITING_FOR_CAPACITY if waits_for_capacity else Phase.RETRYING,
            category=outcome.category or Category.UNKNOWN,
            retry_after=outcome.retry_after,
            code=outcome.code,
            message=outcome.message,
            changes=changes,
        )

    def _lets_others(self, attempt: Attempt, outcome: SubmitOutcome, proof: JobChanges) -> bool:
        """Whether another search can be submitted until the next try.

        Not while this submission may be running; nor can a sidecar that is too busy serve another.
        """
        if attempt.has_ended:
            return True
        until = attempt.job.untracked_submission_until
        nothing_runs = bool(proof) or until is None or self.context.now() >= until
        waits_long = outcome.category is Category.CONFIGURATION
        return nothing_runs and (waits_long or isinstance(attempt.found, Unavailable))

    async def _release(self, job: Job) -> None:
        """Release the slot until the next try. If that fails, the job holds it until then."""
        try:
            await self.submit_queue.release(job)
        except Unavailable as error:
            log.warning("submit_slot_not_released job_id=%s: %s", job.job_id, error)

    def _failed(self, attempt: Attempt, outcome: SubmitOutcome) -> Outcome:
        """Fail the job, and clean up its tries.

        The answer does not show whether there are Jobs: elastic-blast exits with 1 for any error
        that it does not know.
        """
        phase, changes = outcome.end or Phase.SUBMIT_FAILED, _proof(attempt, outcome)
        return endings.fail(phase, outcome.code, outcome.message, self.context.now(), changes)


def _failed_look(job: Job, error: Unavailable) -> SubmitOutcome:
    """The outcome of a step whose look at the cluster or the store failed."""
    if error.code == CLUSTER_GONE and job.error_code == CLUSTER_UNREADABLE:
        end = Phase.SUBMIT_FAILED
        return SubmitOutcome(SubmitOutcomeKind.FAILED, error.code, str(error), end=end)
    refused = isinstance(error, AccessRefused) or error.code == CLUSTER_REFUSED
    category = Category.CONFIGURATION if refused else Category.TRANSIENT
    return SubmitOutcome(
        SubmitOutcomeKind.RETRY,
        error.code,
        str(error),
        category=category,
        retry_after=error.retry_after,
    )


def _proof(attempt: Attempt, outcome: SubmitOutcome) -> JobChanges:
    """Changes that close an operation which has ended, or has never begun."""
    never_began = attempt.was_refused and outcome.category is not Category.UNKNOWN
    return _ended(attempt) or (NOTHING_RUNS if never_began else {})


def _ended(attempt: Attempt) -> JobChanges:
    if not attempt.has_ended:
        return {}
    return {"ended_submit_operations": attempt.job.ended_submit_operations + 1, **NOTHING_RUNS}


def _redacted(result: Result) -> Result:
    """The result with a redacted stderr. It is redacted before its end is cut out as a message,
    as a cut text can begin with the rest of a secret. JSON is redacted where it is stored."""
    if isinstance(result, Finished):
        return replace(result, stderr=redacted_output(result.stderr))
    return result
