"""The steps of a job, as the dashboard draws them. Pure."""

from collections.abc import Mapping
from datetime import datetime
from itertools import zip_longest
from typing import Any

from shared.contracts.job import Job
from shared.contracts.states import Phase, Status
from triggers.schemas.jobs import Step, StepStatus

_STEP_STATUS: Mapping[Status, StepStatus] = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
"""Status of the last step of an ended job."""
_FIRST_PHASES: Mapping[str, tuple[Phase, ...]] = {
    "preparing": (Phase.QUEUED,),
    "configuring": (Phase.SUBMITTING,),
    "submitting": (
        *(Phase.SUBMITTING, Phase.RETRYING),
        *(Phase.WAITING_FOR_SUBMIT_SLOT, Phase.WAITING_FOR_CAPACITY),
    ),
    "running": (Phase.SUBMITTED, Phase.RUNNING),
    "exporting_results": (Phase.EXPORTING_RESULTS, Phase.RESULTS_PENDING),
    "completed": (Phase.COMPLETED,),
}
"""The steps in order, each with the phases that start it.

A job enters `submitting` once its config is written, so `configuring` starts and ends there.
"""


def step_of(phase: Phase) -> str | None:
    """The step that a job in this phase takes; None for the end of a job, and on the way to it."""
    if phase is Phase.SUBMITTING:
        return "submitting"
    return next((name for name, phases in _FIRST_PHASES.items() if phase in phases), None)


def steps(job: Job) -> dict[str, Step]:
    """Return the steps that the current attempt has started, by name and in order.

    A step ends when the next one starts or the job ends.
    """
    entered_at = {Phase.QUEUED: job.created_at, **job.phase_entered_at}
    started = [
        (name, min(entered_at[phase] for phase in phases if phase in entered_at))
        for name, phases in _FIRST_PHASES.items()
        if any(phase in entered_at for phase in phases)
    ]
    following = [started_at for _, started_at in started[1:]]
    return {
        name: _step(job, name, started_at, next_started_at)
        for (name, started_at), next_started_at in zip_longest(started, following)
    }


def _step(job: Job, name: str, started_at: datetime, next_started_at: datetime | None) -> Step:
    output, facts = _result(name, job)
    step = Step(started_at=started_at, status="running", output=output, facts=facts)
    if next_started_at:
        step.completed_at, step.status, step.success = next_started_at, "completed", True
    elif job.phase.is_end:
        step.completed_at = job.finished_at or job.updated_at
        step.status = _STEP_STATUS[job.phase.status]
        step.success = job.phase.status is Status.COMPLETED
        step.error = job.error or None
    return step


def _result(name: str, job: Job) -> tuple[str | None, dict[str, Any] | None]:
    """Return the result of a step: as text, because the dashboard trims it, and as values."""
    if name == "configuring" and job.config_blob:
        return f"config: {job.config_blob}", {"config_blob": job.config_blob}
    if name == "running":
        counts, unit = job.counts, "searches" if job.child_count else "batches"
        total, succeeded, failed = counts.expected or 0, counts.succeeded, counts.failed
        facts = {"total": total, "succeeded": succeeded, "failed": failed}
        return f"{succeeded} of {total or '?'} {unit} done, {failed} failed", facts
    if name == "completed":
        return f"results: {job.results_prefix}", {"results_prefix": job.results_prefix}
    return None, None
