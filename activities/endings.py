"""Outcomes that end a job, or stop it so that it is cleaned up first. Pure but for log lines."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.contracts.activities import Stage
from shared.contracts.job import Job, JobChanges, PendingFailure
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import LeftOnCluster, Phase
from shared.util.redaction import redacted

log = logging.getLogger("blast")
LONGEST_ERROR = 2000
"""Characters of an error in the job's row; programs use its code."""
_NO_FACTS: Mapping[str, object] = {}
_NO_CHANGES = JobChanges()


def end(
    phase: Phase,
    code: str | None = None,
    error: str = "",
    left: LeftOnCluster | None = None,
    facts: Mapping[str, object] = _NO_FACTS,
) -> Outcome:
    """The job ends; `left` is the result of its clean-up, if there was one."""
    changes, payload = JobChanges(), dict(facts)
    if left is not None:
        changes["left_on_cluster"] = left
        payload["left_on_cluster"] = left.value
    if code:
        text = _shortened(error)
        changes["error_code"], changes["error"] = code, text
        payload |= {"error_code": code, "error": text}
    return Outcome(
        OutcomeKind.ENDED, phase, code=code, event=phase.value, payload=payload, changes=changes
    )


def has_only_to_be_indexed(job: Job) -> bool:
    """Whether the search has succeeded, all its results are there, and it has not been cancelled.

    Then neither the deadline nor a fault of the indexing makes it fail.
    """
    is_stopped = job.cancel_requested_at is not None or job.pending_failure is not None
    return job.next_stage is Stage.INDEX and not job.phase.is_end and not is_stopped


def complete(index: str, facts: Mapping[str, object] = _NO_FACTS) -> Outcome:
    """The search is completed; `index` says whether its hits are indexed."""
    payload = {"index": index, **facts}
    return Outcome(OutcomeKind.DONE, Phase.COMPLETED, event="completed", payload=payload)


def complete_without_index(job: Job, reason: str) -> Outcome:
    """The search is completed; its hits are indexed when they are first requested."""
    log.warning("index_pending job_id=%s: %s", job.job_id, redacted(reason))
    return complete("pending", {"why": _shortened(reason)})


def fail(
    phase: Phase,
    code: str,
    error: str,
    at: datetime,
    changes: JobChanges = _NO_CHANGES,
    facts: Mapping[str, object] = _NO_FACTS,
) -> Outcome:
    """Record the failure and start the clean-up, so that a failed search stops costing money.

    The job ends in `phase` once nothing of it is left. `at` is the time of the failure; `facts`
    are part of its event.
    """
    text = _shortened(error)
    failure: JobChanges = {
        **changes,
        "pending_failure": PendingFailure(phase, code, text, at),
        "reason": "its Jobs on the cluster are being deleted",
        "error_code": code,
        "error": text,
    }
    return Outcome(
        OutcomeKind.STOP,
        Phase.CANCELLING,
        code=code,
        event="failure_detected",
        payload={"error_code": code, "error": text, "ends_as": phase.value, **facts},
        changes=failure,
    )


def begin_to_stop(job: Job, now: datetime) -> Outcome:
    """Enter the phase in which the job is cleaned up, for a cancel or a passed deadline."""
    if job.cancel_requested_at is None:
        error = f"the search had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
        return fail(Phase.TIMED_OUT, "timed_out", error, now)
    return Outcome(
        OutcomeKind.STOP,
        Phase.CANCELLING,
        event="cancelling",
        payload={"from_phase": job.phase.value},
    )


def finish_cleanup(job: Job, facts: Mapping[str, object]) -> Outcome:
    """End a job of which nothing is left: with its pending failure, or else as cancelled."""
    failure = job.pending_failure
    if failure is None:
        return end(Phase.CANCELLED, left=LeftOnCluster.NONE, facts=facts)
    return end(failure.phase, failure.error_code, failure.error, LeftOnCluster.NONE, facts)


def abandon_cleanup(job: Job, reason: str, now: datetime, timeout: timedelta) -> Outcome | None:
    """End a job of which something may be left, after `timeout`; None as long as it can wait.

    For a failed search the timeout begins with its failure, for a cancelled one with its deadline,
    and never before the end of an untracked submission, which could leave more. Without a proof a
    job never ends as cancelled. Reconcile goes on to clean it up.
    """
    failure = job.pending_failure
    began = failure.at if failure else job.deadline_at
    began = max(began, job.untracked_submission_until or began)
    if now - began <= timeout:
        return None
    log.warning("cleanup_unconfirmed job_id=%s: %s", job.job_id, reason)
    facts = {"why": reason}
    if failure:
        return end(failure.phase, failure.error_code, failure.error, LeftOnCluster.UNKNOWN, facts)
    error = f"the cancel could not be confirmed, and something may be left: {reason}"
    return end(Phase.TIMED_OUT, "cleanup_unconfirmed", error, LeftOnCluster.UNKNOWN, facts)


def _shortened(error: str) -> str:
    """The start of an error. Redacted first, as a secret that is cut off is not recognised."""
    return redacted(error)[:LONGEST_ERROR]
