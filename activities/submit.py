"""Submitting a search: the config is written once, and elastic-blast is started once (R1, R2)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from activities.cleanup import Clearing
from activities.context import Desk
from activities.launcher import Attempt, Launch, Overtaken
from activities.submit_queue import Turns
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Slot
from shared.contracts.activities import Category, Order, Report, Verb
from shared.contracts.exec import Finished, Result, Untracked
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.storage_urls import QUERIES, Account
from shared.elastic_blast.config import render
from shared.elastic_blast.submit_outcome import CLUSTER_UNREADABLE, Kind, Outcome, judge
from shared.errors import AccessRefused, Unavailable
from shared.util.redaction import redacted_output

log = logging.getLogger("blast")

NOTHING_RUNS: Mapping[str, Any] = {"unseen_until": None, "sidecar_instance": None}
"""Changes of a row whose submissions are all known to have ended."""
RESTARTING = frozenset({Category.CAPACITY, Category.CONFLICT, Category.CONFIGURATION})
"""Somebody has answered: what was in the way before has gone, and its tries count no more."""
CLUSTER_GONE, CLUSTER_REFUSED = "cluster_not_found", "cluster_refused"
"""Codes of our own look at the cluster."""


@dataclass(frozen=True)
class Submission:
    """Its verbs answer with a Report and may be said twice."""

    desk: Desk
    blobs: Blobs
    launch: Launch
    clearing: Clearing
    turns: Turns

    def prepare(self, order: Order) -> Report:
        """Write the config that every try of this attempt will use."""
        return self.desk.take(Verb.PREPARE, order, self._prepare)

    def submit(self, order: Order) -> Report:
        """Start elastic-blast, or find that it was started; wait a little for what it says."""
        return self.desk.take(Verb.SUBMIT, order, self._submit)

    def _prepare(self, job: Job, order: Order) -> Report:
        if waits := self._earlier_is_left(job, order):
            return waits
        settings = self.desk.settings
        account = Account(job.search.placement.storage_account, settings.storage_suffix)
        url = account.url(QUERIES, f"{job.job_id}/{job.elb_job_id}.ini")
        self.blobs.put_first(url, render(job.search).encode())
        report = Report(Phase.SUBMITTING, Verb.SUBMIT)
        said = {"config_blob": url}
        # What earlier attempts gave to a sidecar has ended, as its clean-up has proven.
        return self.desk.note(
            job, order, report, "configured", said, config_blob=url, **NOTHING_RUNS
        )

    def _earlier_is_left(self, job: Job, order: Order) -> Report | None:
        """Clear away what earlier attempts left; the wait, with its reason, while that lasts."""
        wish: timedelta | None = None
        try:
            left = ", ".join(self.clearing.clear_earlier(job)[:5])
        except Unavailable as trouble:
            left, wish = str(trouble), trouble.after
        if not left:
            return None
        wait = max(self.desk.pace(job.updated_at), wish or timedelta(0))
        report = Report(Phase.RETRYING, Verb.PREPARE, wait, {"code": "earlier_attempt"})
        if job.phase is Phase.RETRYING:
            return report
        reason = f"what an earlier attempt left is cleared away first: {left}"
        return self.desk.note(job, order, report, "clearing", {"reason": reason}, reason=reason)

    def _submit(self, job: Job, order: Order) -> Report:
        try:
            attempt = self.launch.attend(job)
        except Overtaken:
            # The row is read again by the next step; this one must not write what it knew before.
            return Report(job.phase, Verb.SUBMIT, self.desk.settings.retry_transient.first)
        except Unavailable as trouble:
            nothing = Attempt(job, "")
            return self._after(nothing, order, _of_trouble(job, trouble))
        if isinstance(attempt.found, Slot):
            return self._wait_for_slot(job, order)
        if isinstance(attempt.found, str):
            return self._landed(attempt, order, attempt.found)
        return self._after(attempt, order, judge(_redacted(attempt.found)))

    def _after(self, attempt: Attempt, order: Order, outcome: Outcome) -> Report:
        match outcome.kind:
            case Kind.PENDING:
                return self._pending(attempt, order)
            case Kind.ACCEPTED | Kind.DONE:
                return self._landed(attempt, order, outcome.code)
            case Kind.AGAIN:
                return self._again(attempt, order, outcome)
            case Kind.REFUSED:
                return self._refused(attempt, order, outcome)

    def _pending(self, attempt: Attempt, order: Order) -> Report:
        """Where the sidecar cannot be asked to wait, the orchestrator waits."""
        job, found = attempt.job, attempt.found
        wait = self.desk.pace(job.updated_at) if isinstance(found, Untracked) else timedelta(0)
        report = Report(Phase.SUBMITTING, Verb.SUBMIT, wait)
        if job.phase is Phase.SUBMITTING and (job.reason or not isinstance(found, Untracked)):
            return report
        reason = None
        if isinstance(found, Untracked):
            until = f"{job.unseen_until:%H:%M:%S}"
            reason = f"a submission may be running that cannot be asked until {until} UTC"
        return self.desk.note(job, order, report, "submitting", reason=reason)

    def _landed(self, attempt: Attempt, order: Order, decision: str) -> Report:
        job, found = attempt.job, attempt.found
        if differing := self.launch.overrides(job):
            # The search runs where nobody looks for it.
            changes = {"other_cluster": differing.other_cluster, **_ended(attempt)}
            code, error = "config_overridden", str(differing)
            return self.desk.condemn(job, order, Phase.SUBMIT_FAILED, code, error, **changes)
        took = found.duration if isinstance(found, Finished) else timedelta(0)
        self.turns.free(job)  # or come back: nobody else would free it
        wait = self.desk.settings.watch_pace.at(timedelta(0))
        return self.desk.note(
            job,
            order,
            Report(Phase.SUBMITTED, Verb.OBSERVE, wait),
            "submitted",
            {"decision": decision, "took_seconds": took.total_seconds()},
            started_at=self.desk.now(),
            tries={},
            **_ended(attempt),
        )

    def _wait_for_slot(self, job: Job, order: Order) -> Report:
        """Only the first wait is written; the next ones grow with the time that has passed."""
        is_new = job.phase is not Phase.WAITING_FOR_SUBMIT_SLOT
        waited = timedelta(0) if is_new else self.desk.now() - job.updated_at
        wait = self.desk.settings.retry(Category.CONFLICT).after(waited)
        report = Report(Phase.WAITING_FOR_SUBMIT_SLOT, Verb.SUBMIT, wait)
        if not is_new:
            return report
        reason = "another search is being submitted to this cluster; they go one at a time"
        said = {"cluster": job.search.placement.cluster_name}
        changes = {"reason": reason, "tries": _without(job.tries, Category.TRANSIENT)}
        report = self.desk.note(job, order, report, report.phase.value, said, **changes)
        # Whoever freed it meanwhile did not see that this one waits, and called nobody.
        return replace(report, wait=timedelta(0)) if self.turns.is_free(job) else report

    def _again(self, attempt: Attempt, order: Order, outcome: Outcome) -> Report:
        """Schedule another try, as its category allows, or end the job after the last one (R3)."""
        job, changes = attempt.job, _proof(attempt, outcome)
        if self._lets_others(attempt, outcome, changes):
            self._free(job)
        category = outcome.category or Category.UNKNOWN
        known = job.tries
        if category in RESTARTING:
            known = _without(known, Category.TRANSIENT, Category.UNKNOWN)
        tries = {**known, category: known.get(category, 0) + 1}
        wait = self.desk.settings.retry(category).wait(tries[category], outcome.retry_after)
        if wait is None:
            return self._refused(attempt, order, replace(outcome, end=Phase.SUBMIT_FAILED))
        if category is Category.CONFIGURATION:
            log.error("configuration_refused job_id=%s code=%s", job.job_id, outcome.code)
        waits_for_capacity = category is Category.CAPACITY
        phase = Phase.WAITING_FOR_CAPACITY if waits_for_capacity else Phase.RETRYING
        return self.desk.note(
            job,
            order,
            Report(phase, Verb.SUBMIT, wait, {"code": outcome.code}),
            "retry_scheduled",
            {
                "category": category.value,
                "attempt": tries[category],
                "retry_after_seconds": wait.total_seconds(),
                "error_code": outcome.code,
                "error": outcome.message,
            },
            tries=tries,
            error_code=outcome.code,
            error=outcome.message,
            reason=self._reason(outcome, wait),
            **changes,
        )

    def _reason(self, outcome: Outcome, wait: timedelta) -> str:
        again = f"tried again at {self.desk.now() + wait:%H:%M:%S} UTC"
        if outcome.category is not Category.CONFIGURATION:
            return f"{outcome.code}: {again}"
        return f"an operator must act: {outcome.code}: {outcome.message}; {again}"

    def _lets_others(self, attempt: Attempt, outcome: Outcome, proof: Mapping[str, object]) -> bool:
        """Whether another search can be submitted until the next try.

        Not while this one may be running; nor does a sidecar serve another that was too busy.
        """
        if attempt.has_ended:
            return True
        until = attempt.job.unseen_until
        nothing_runs = bool(proof) or until is None or self.desk.now() >= until
        waits_long = outcome.category is Category.CONFIGURATION
        return nothing_runs and (waits_long or isinstance(attempt.found, str))

    def _free(self, job: Job) -> None:
        """Free the slot until the next try, which has it again where that fails."""
        try:
            self.turns.free(job)
        except Unavailable as trouble:
            log.warning("slot of %s not freed: %s", job.job_id, trouble)

    def _refused(self, attempt: Attempt, order: Order, outcome: Outcome) -> Report:
        """End the job, and clear away what may be left of its tries.

        Whether there are Jobs cannot be told from the answer: elastic-blast answers 1 to any error
        that it does not know.
        """
        end, changes = outcome.end or Phase.SUBMIT_FAILED, _proof(attempt, outcome)
        return self.desk.condemn(attempt.job, order, end, outcome.code, outcome.message, **changes)


def _of_trouble(job: Job, trouble: Unavailable) -> Outcome:
    """What follows where the cluster or the store cannot be asked."""
    if trouble.code == CLUSTER_GONE and job.error_code == CLUSTER_UNREADABLE:
        end = Phase.SUBMIT_FAILED
        return Outcome(Kind.REFUSED, trouble.code, str(trouble), end=end)
    refused = isinstance(trouble, AccessRefused) or trouble.code == CLUSTER_REFUSED
    category = Category.CONFIGURATION if refused else Category.TRANSIENT
    return Outcome(
        Kind.AGAIN, trouble.code, str(trouble), category=category, retry_after=trouble.after
    )


def _proof(attempt: Attempt, outcome: Outcome) -> Mapping[str, Any]:
    """What the row can forget: an operation that has ended, or has never begun."""
    never_began = attempt.is_first and outcome.category is not Category.UNKNOWN
    return _ended(attempt) or (NOTHING_RUNS if never_began else {})


def _ended(attempt: Attempt) -> Mapping[str, Any]:
    if not attempt.has_ended:
        return {}
    return {"operations": attempt.job.operations + 1, **NOTHING_RUNS}


def _redacted(result: Result) -> Result:
    """The result with a redacted stderr, before the end of it is cut out as a message: a cut text
    may begin with the rest of a secret. What JSON says is redacted where it is stored."""
    if isinstance(result, Finished):
        return replace(result, stderr=redacted_output(result.stderr))
    return result


def _without(tries: Mapping[Category, int], *over: Category) -> dict[Category, int]:
    """The tries that still count: a wait of hours must not be ended by trouble that passes."""
    return {category: count for category, count in tries.items() if category not in over}
