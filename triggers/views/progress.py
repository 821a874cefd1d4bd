"""How far a job came, step by step, as the dashboard draws it. Pure."""

from datetime import datetime
from itertools import zip_longest
from typing import Any

from shared.contracts.job import Job
from shared.contracts.states import Phase, Status

_BEGIN: dict[str, tuple[Phase, ...]] = {
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
"""The steps in their order, and the phases with which each begins.

A job leaves `queued` once its config is written: that instant is all there is of `configuring`.
"""


def steps(job: Job) -> dict[str, dict[str, Any]]:
    """Each step that this attempt has begun: over when another began, or the job ended."""
    entered = {Phase.QUEUED: job.created_at, **job.phase_entered_at}
    begun = [
        (step, min(entered[phase] for phase in phases if phase in entered))
        for step, phases in _BEGIN.items()
        if any(phase in entered for phase in phases)
    ]
    shown = {}
    for (step, began), later in zip_longest(begun, begun[1:]):
        end = _followed(later[1]) if later else _last(job)
        shown[step] = {"started_at": instant(began), **end, **_result(step, job)}
    return shown


def instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, as browsers read it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def _followed(at: datetime) -> dict[str, Any]:
    """A step is over when the next one begins."""
    return {"completed_at": instant(at), "status": "completed", "success": True}


def _last(job: Job) -> dict[str, Any]:
    """How the step stands that no other has followed."""
    if not job.phase.is_end:
        return {"status": "running"}
    status = job.phase.status
    over: dict[str, Any] = {
        "completed_at": instant(job.finished_at or job.updated_at),
        "status": status.value,
        "success": status is Status.COMPLETED,
    }
    return over | ({"error": job.error} if job.error else {})


def _result(step: str, job: Job) -> dict[str, Any]:
    """What is known of a step: `output` is text for people, `facts` the same for programs."""
    if step == "configuring" and job.config_blob:
        return {"output": f"config: {job.config_blob}", "facts": {"config_blob": job.config_blob}}
    if step == "running":
        counts, unit = job.counts, "searches" if job.child_count else "batches"
        total, succeeded, failed = counts.expected or 0, counts.succeeded, counts.failed
        facts = {"total": total, "succeeded": succeeded, "failed": failed}
        text = f"{succeeded} of {total or '?'} {unit} done, {failed} failed"
        return {"output": text, "facts": facts}
    if step == "completed":
        prefix = job.results_prefix
        return {"output": f"results: {prefix}", "facts": {"results_prefix": prefix}}
    return {}
