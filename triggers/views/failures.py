"""Phases and failures in the dashboard's words. Pure.

Two of the dashboard's three generations take a phase that they do not know for a running job.
"""

from collections.abc import Mapping

from shared.contracts.job import Job
from shared.contracts.states import Phase
from triggers.schemas.job_parts import FailureCategory, FailureClassification, ShownPhase

_CATEGORIES_BY_CODE: Mapping[str, FailureCategory] = {
    "cleanup_unconfirmed": "cluster_state",
    "jobs_missing": "cluster_state",
    "cluster_unreadable": "cluster_state",
    "capacity": "capacity",
    "rejected_capacity": "capacity",
    "queued": "capacity",
    "out_of_memory": "capacity",
    "permission_denied": "permanent",
    "command_missing": "permanent",
    "rejected_invalid": "permanent",
    "rejected_permanent": "permanent",
    "permanent": "permanent",
    "activity_crashed": "unknown",
}
"""Of an error code that says more than the phase."""
_CATEGORIES_BY_PHASE: Mapping[Phase, FailureCategory] = {
    Phase.CONFIG_INVALID: "permanent",
    Phase.DATABASE_UNAVAILABLE: "database_wait",
    Phase.SUBMIT_FAILED: "transient_infra",
    Phase.SEARCH_FAILED: "runtime",
    Phase.RESULTS_MISSING: "runtime",
    Phase.TIMED_OUT: "capacity",
}


def shown_phase(phase: Phase) -> ShownPhase:
    """Return the phase in a word that all generations know: of the failures, one is known."""
    return "failed" if phase.is_failure and phase is not Phase.SUBMIT_FAILED else phase


def classify_failure(job: Job) -> FailureClassification | None:
    """Return the category of a failed job, and whether it can be retried; None for other jobs."""
    if not job.phase.is_failure:
        return None
    code = job.error_code or ""
    return FailureClassification(
        category=_CATEGORIES_BY_CODE.get(code, _CATEGORIES_BY_PHASE[job.phase]),
        auto_retryable=can_retry(job),
        reason=f"{code or job.phase.value}: {job.error or 'no message'}",
    )


def can_retry(job: Job) -> bool:
    """Whether a failed job can run again: not with the same config, and no batch as a whole."""
    return job.phase.is_failure and job.phase is not Phase.CONFIG_INVALID and not job.child_count
