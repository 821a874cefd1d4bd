"""Submitting a search: the config is written once, and elastic-blast is started once (R1, R2)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from activities.cleanup import ClusterCleanup
from activities.context import ActivityContext
from activities.launcher import Attempt, Launcher, Overtaken
from activities.submit_queue import SubmitQueue
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import LeaseState
from shared.contracts.activities import ActivityInput, ActivityName, Category, Decision
from shared.contracts.exec import Finished, Result, Untracked
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.elastic_blast.config import render
from shared.elastic_blast.submit_outcome import (
    CLUSTER_UNREADABLE,
    SubmitOutcome,
    SubmitOutcomeKind,
    classify,
)
from shared.errors import AccessRefused, Unavailable
from shared.util.redaction import redacted_output

log = logging.getLogger("blast")

NOTHING_RUNS: Mapping[str, Any] = {"untracked_submission_until": None, "sidecar_instance": None}
"""Changes of a row whose submissions are all known to have ended."""
RESTARTING = frozenset({Category.CAPACITY, Category.CONFLICT, Category.CONFIGURATION})
"""Somebody has answered: what was in the way before has gone, and its tries count no more."""
CLUSTER_GONE, CLUSTER_REFUSED = "cluster_not_found", "cluster_refused"
"""Codes of our own look at the cluster."""


@dataclass(frozen=True)
class Submitter:
    """Its verbs answer with a Report and may be said twice."""

    context: ActivityContext
    blobs: Blobs
    launcher: Launcher
    cleanup: ClusterCleanup
    submit_queue: SubmitQueue

    def prepare(self, input_: ActivityInput) -> Decision:
        """Write the config that every try of this attempt will use."""
        return self.context.run_step(ActivityName.PREPARE_SEARCH, input_, self._prepare)

    def submit(self, input_: ActivityInput) -> Decision:
        """Start elastic-blast, or find that it was started; wait a little for what it says."""
        return self.context.run_step(ActivityName.SUBMIT_SEARCH, input_, self._submit)

    def _prepare(self, job: Job, input_: ActivityInput) -> Decision:
        if waits := self._clean_up_previous(job, input_):
            return waits
        settings = self.context.settings
        account = StorageAccount(job.search.placement.storage_account, settings.storage_suffix)
        url = account.url(QUERIES, f"{job.job_id}/{job.elb_job_id}.ini")
        self.blobs.put_if_absent(url, render(job.search).encode())
        decision = Decision(Phase.SUBMITTING, ActivityName.SUBMIT_SEARCH)
        said = {"config_blob": url}
        # What earlier attempts gave to a sidecar has ended, as its clean-up has proven.
        return self.context.save_step(
            job, input_, decision, "config_written", said, config_blob=url, **NOTHING_RUNS
        )

    def _clean_up_previous(self, job: Job, input_: ActivityInput) -> Decision | None:
        """Clear away what earlier attempts left; the wait, with its reason, while that lasts."""
        wish: timedelta | None = None
        try:
            left = ", ".join(self.cleanup.clean_up_previous_attempts(job)[:5])
        except Unavailable as error:
            left, wish = str(error), error.retry_after
        if not left:
            return None
        wait = max(self.context.poll_interval(job.updated_at), wish or timedelta(0))
        decision = Decision(
            Phase.RETRYING, ActivityName.PREPARE_SEARCH, wait, {"code": "earlier_attempt"}
        )
        if job.phase is Phase.RETRYING:
            return decision
        reason = f"what an earlier attempt left is cleared away first: {left}"
        return self.context.save_step(
            job, input_, decision, "previous_attempt_cleanup", {"reason": reason}, reason=reason
        )

    def _submit(self, job: Job, input_: ActivityInput) -> Decision:
        try:
            attempt = self.launcher.submit_or_attach(job)
        except Overtaken:
            # The row is read again by the next step; this one must not write what it knew before.
            return Decision(
                job.phase, ActivityName.SUBMIT_SEARCH, self.context.settings.retry_transient_first
            )
        except Unavailable as error:
            nothing = Attempt(job, "")
            return self._after(nothing, input_, _of_trouble(job, error))
        if isinstance(attempt.found, LeaseState):
            return self._wait_for_slot(job, input_)
        if isinstance(attempt.found, str):
            return self._accepted(attempt, input_, attempt.found)
        return self._after(attempt, input_, classify(_redacted(attempt.found)))

    def _after(self, attempt: Attempt, input_: ActivityInput, outcome: SubmitOutcome) -> Decision:
        match outcome.kind:
            case SubmitOutcomeKind.PENDING:
                return self._pending(attempt, input_)
            case SubmitOutcomeKind.ACCEPTED | SubmitOutcomeKind.DONE:
                return self._accepted(attempt, input_, outcome.code)
            case SubmitOutcomeKind.RETRY:
                return self._schedule_retry(attempt, input_, outcome)
            case SubmitOutcomeKind.FAILED:
                return self._failed(attempt, input_, outcome)

    def _pending(self, attempt: Attempt, input_: ActivityInput) -> Decision:
        """Where the sidecar cannot be asked to wait, the orchestrator waits."""
        job, found = attempt.job, attempt.found
        wait = (
            self.context.poll_interval(job.updated_at)
            if isinstance(found, Untracked)
            else timedelta(0)
        )
        decision = Decision(Phase.SUBMITTING, ActivityName.SUBMIT_SEARCH, wait)
        if job.phase is Phase.SUBMITTING and (job.reason or not isinstance(found, Untracked)):
            return decision
        reason = None
        if isinstance(found, Untracked):
            until = f"{job.untracked_submission_until:%H:%M:%S}"
            reason = f"a submission may be running that cannot be asked until {until} UTC"
        return self.context.save_step(job, input_, decision, "submitting", reason=reason)

    def _accepted(self, attempt: Attempt, input_: ActivityInput, decision: str) -> Decision:
        job, found = attempt.job, attempt.found
        if differing := self.launcher.overrides(job):
            # The search runs where nobody looks for it.
            changes = {"other_cluster": differing.other_cluster, **_ended(attempt)}
            code, error = "config_overridden", str(differing)
            return self.context.fail_and_clean_up(
                job, input_, Phase.SUBMIT_FAILED, code, error, **changes
            )
        took = found.duration if isinstance(found, Finished) else timedelta(0)
        self.submit_queue.release(job)  # or come back: nobody else would free it
        wait = self.context.settings.poll_schedule.delay_at_age(timedelta(0))
        return self.context.save_step(
            job,
            input_,
            Decision(Phase.SUBMITTED, ActivityName.OBSERVE_SEARCH, wait),
            "submitted",
            {"decision": decision, "took_seconds": took.total_seconds()},
            started_at=self.context.now(),
            retry_counts={},
            **_ended(attempt),
        )

    def _wait_for_slot(self, job: Job, input_: ActivityInput) -> Decision:
        """Only the first wait is written; the next ones grow with the time that has passed."""
        is_new = job.phase is not Phase.WAITING_FOR_SUBMIT_SLOT
        waited = timedelta(0) if is_new else self.context.now() - job.updated_at
        wait = self.context.settings.retry(Category.CONFLICT).delay_after_elapsed(waited)
        decision = Decision(Phase.WAITING_FOR_SUBMIT_SLOT, ActivityName.SUBMIT_SEARCH, wait)
        if not is_new:
            return decision
        reason = "another search is being submitted to this cluster; they go one at a time"
        said = {"cluster": job.search.placement.cluster_name}
        changes = {"reason": reason, "retry_counts": _without(job.retry_counts, Category.TRANSIENT)}
        decision = self.context.save_step(
            job, input_, decision, decision.phase.value, said, **changes
        )
        # Whoever freed it meanwhile did not see that this one waits, and called nobody.
        return replace(decision, delay=timedelta(0)) if self.submit_queue.is_free(job) else decision

    def _schedule_retry(
        self, attempt: Attempt, input_: ActivityInput, outcome: SubmitOutcome
    ) -> Decision:
        """Schedule another try, as its category allows, or end the job after the last one (R3)."""
        job, changes = attempt.job, _proof(attempt, outcome)
        if self._lets_others(attempt, outcome, changes):
            self._free(job)
        category = outcome.category or Category.UNKNOWN
        known = job.retry_counts
        if category in RESTARTING:
            known = _without(known, Category.TRANSIENT, Category.UNKNOWN)
        tries = {**known, category: known.get(category, 0) + 1}
        wait = self.context.settings.retry(category).delay_after_attempt(
            tries[category], outcome.retry_after
        )
        if wait is None:
            return self._failed(attempt, input_, replace(outcome, end=Phase.SUBMIT_FAILED))
        if category is Category.CONFIGURATION:
            log.error("configuration_refused job_id=%s code=%s", job.job_id, outcome.code)
        waits_for_capacity = category is Category.CAPACITY
        phase = Phase.WAITING_FOR_CAPACITY if waits_for_capacity else Phase.RETRYING
        return self.context.save_step(
            job,
            input_,
            Decision(phase, ActivityName.SUBMIT_SEARCH, wait, {"code": outcome.code}),
            "retry_scheduled",
            {
                "category": category.value,
                "attempt": tries[category],
                "retry_after_seconds": wait.total_seconds(),
                "error_code": outcome.code,
                "error": outcome.message,
            },
            retry_counts=tries,
            error_code=outcome.code,
            error=outcome.message,
            reason=self._reason(outcome, wait),
            **changes,
        )

    def _reason(self, outcome: SubmitOutcome, wait: timedelta) -> str:
        again = f"tried again at {self.context.now() + wait:%H:%M:%S} UTC"
        if outcome.category is not Category.CONFIGURATION:
            return f"{outcome.code}: {again}"
        return f"an operator must act: {outcome.code}: {outcome.message}; {again}"

    def _lets_others(
        self, attempt: Attempt, outcome: SubmitOutcome, proof: Mapping[str, object]
    ) -> bool:
        """Whether another search can be submitted until the next try.

        Not while this one may be running; nor does a sidecar serve another that was too busy.
        """
        if attempt.has_ended:
            return True
        until = attempt.job.untracked_submission_until
        nothing_runs = bool(proof) or until is None or self.context.now() >= until
        waits_long = outcome.category is Category.CONFIGURATION
        return nothing_runs and (waits_long or isinstance(attempt.found, str))

    def _free(self, job: Job) -> None:
        """Free the slot until the next try, which has it again where that fails."""
        try:
            self.submit_queue.release(job)
        except Unavailable as error:
            log.warning("slot of %s not freed: %s", job.job_id, error)

    def _failed(self, attempt: Attempt, input_: ActivityInput, outcome: SubmitOutcome) -> Decision:
        """End the job, and clear away what may be left of its tries.

        Whether there are Jobs cannot be told from the answer: elastic-blast answers 1 to any error
        that it does not know.
        """
        end, changes = outcome.end or Phase.SUBMIT_FAILED, _proof(attempt, outcome)
        return self.context.fail_and_clean_up(
            attempt.job, input_, end, outcome.code, outcome.message, **changes
        )


def _of_trouble(job: Job, error: Unavailable) -> SubmitOutcome:
    """What follows where the cluster or the store cannot be asked."""
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


def _proof(attempt: Attempt, outcome: SubmitOutcome) -> Mapping[str, Any]:
    """What the row can forget: an operation that has ended, or has never begun."""
    never_began = attempt.is_first and outcome.category is not Category.UNKNOWN
    return _ended(attempt) or (NOTHING_RUNS if never_began else {})


def _ended(attempt: Attempt) -> Mapping[str, Any]:
    if not attempt.has_ended:
        return {}
    return {"ended_submit_operations": attempt.job.ended_submit_operations + 1, **NOTHING_RUNS}


def _redacted(result: Result) -> Result:
    """The result with a redacted stderr, before the end of it is cut out as a message: a cut text
    may begin with the rest of a secret. What JSON says is redacted where it is stored."""
    if isinstance(result, Finished):
        return replace(result, stderr=redacted_output(result.stderr))
    return result


def _without(tries: Mapping[Category, int], *over: Category) -> dict[Category, int]:
    """The tries that still count: a wait of hours must not be ended by trouble that passes."""
    return {category: count for category, count in tries.items() if category not in over}
