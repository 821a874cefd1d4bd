"""Submitting a search: the config is written once, and elastic-blast is started once (R1, R2)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from activities.clearing import Clearing
from activities.launching import Launch
from activities.steps import Desk
from activities.turns import Turns
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Slot
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Category, Order, Report, Verb
from shared.elastic_blast.config import render
from shared.elastic_blast.judgement import Kind, Outcome, judge
from shared.errors import Unavailable
from shared.exec_results import (
    Finished,
    Interrupted,
    Result,
)
from shared.redaction import redacted_output
from shared.storage_urls import QUERIES, Account


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
        return self.desk.note(job, order, report, "configured", said, config_blob=url)

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
            found = self.launch.attend(job)
        except Unavailable as trouble:
            outcome = Outcome(
                Kind.AGAIN,
                trouble.code,
                str(trouble),
                category=Category.TRANSIENT,
                retry_after=trouble.after,
            )
            return self._again(job, order, outcome, None)
        match found:
            case Slot():
                return self._wait_for_slot(job, order)
            case str():
                return self._landed(job, order, found)
            case _:
                return self._judged(job, order, found)

    def _judged(self, job: Job, order: Order, result: Result) -> Report:
        outcome = judge(_redacted(result))
        match outcome.kind:
            case Kind.PENDING:
                # Where the sidecar cannot be asked to wait, the orchestrator does.
                wait = self.desk.pace(job.updated_at) if job.unseen_until else timedelta(0)
                report = Report(Phase.SUBMITTING, Verb.SUBMIT, wait)
                if job.phase is Phase.SUBMITTING:
                    return report
                return self.desk.note(job, order, report, "submitting")
            case Kind.ACCEPTED | Kind.DONE:
                took = result.duration if isinstance(result, Finished) else timedelta(0)
                return self._landed(job, order, outcome.code, took)
            case Kind.AGAIN:
                return self._again(job, order, outcome, result)
            case Kind.REFUSED:
                return self._refused(job, order, outcome)

    def _landed(
        self, job: Job, order: Order, decision: str, took: timedelta = timedelta(0)
    ) -> Report:
        if differing := self.launch.overrides(job):
            # The search runs where nobody looks for it.
            code, error = "config_overridden", str(differing)
            where = {"other_cluster": differing.other_cluster}
            return self.desk.condemn(job, order, Phase.SUBMIT_FAILED, code, error, **where)
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

    def _again(self, job: Job, order: Order, outcome: Outcome, result: Result | None) -> Report:
        """Schedule another try, as its category allows, or end the job after the last one (R3)."""
        ended = isinstance(result, Finished | Interrupted)
        unseen = job.unseen_until is not None and self.desk.now() < job.unseen_until
        if ended or (result is None and not unseen):
            self._let_others(job)  # else it may be running, or the sidecar serves nobody
        may_run = unseen or outcome.category is Category.UNKNOWN
        changes: dict[str, Any] = {} if may_run and not ended else {"unseen_until": None}
        category = outcome.category or Category.UNKNOWN
        known = job.tries
        if category in (Category.CAPACITY, Category.CONFLICT):
            # elastic-blast has answered: what was in its way before has gone.
            known = _without(known, Category.TRANSIENT, Category.UNKNOWN)
        tries = {**known, category: known.get(category, 0) + 1}
        wait = self.desk.settings.retry(category).wait(tries[category], outcome.retry_after)
        if wait is None:
            last = replace(outcome, end=Phase.SUBMIT_FAILED)
            return self._refused(job, order, last)
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
            operations=job.operations + ended,
            error_code=outcome.code,
            error=outcome.message,
            reason=f"{outcome.code}: tried again at {self.desk.now() + wait:%H:%M:%S} UTC",
            **changes,
        )

    def _let_others(self, job: Job) -> None:
        """Free the slot until the next try, which has it again where that fails."""
        try:
            self.turns.free(job)
        except Unavailable as trouble:
            logging.getLogger("blast").warning("slot of %s not freed: %s", job.job_id, trouble)

    def _refused(self, job: Job, order: Order, outcome: Outcome) -> Report:
        """End the job, and clear away what may be left of its tries.

        Whether there is something cannot be told from the answer: an operation may run that the
        sidecar refuses to show, and elastic-blast answers 1 to any error that it does not know.
        """
        end = outcome.end or Phase.SUBMIT_FAILED
        return self.desk.condemn(job, order, end, outcome.code, outcome.message)


def _redacted(result: Result) -> Result:
    """The result with a redacted stderr, before the end of it is cut out as a message: a cut text
    may begin with the rest of a secret. What JSON says is redacted where it is stored."""
    if isinstance(result, Finished):
        return replace(result, stderr=redacted_output(result.stderr))
    return result


def _without(tries: Mapping[Category, int], *over: Category) -> dict[Category, int]:
    """The tries that still count: a wait of hours must not be ended by trouble that passes."""
    return {category: count for category, count in tries.items() if category not in over}
