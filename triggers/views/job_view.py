"""A job as the dashboard reads it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.job import Event, Job
from shared.contracts.states import Phase, Status
from shared.elastic_blast.allowed_options import OUTFMT, value_of
from triggers.views.progress import instant, steps

_RUNTIME = {
    Status.QUEUED: "Pending",
    Status.RUNNING: "Running",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Canceled",
}
"""Our status in the words of Durable Functions."""


def accepted(job: Job, request_id: str, warnings: Sequence[str]) -> dict[str, Any]:
    """The answer to a submission; the old names of the id stand beside the new one.

    It says what was so when the job was accepted: a replay is answered as the first request was,
    whatever has become of the job.
    """
    status_url = f"/api/blast/jobs/{job.job_id}"
    return {
        "job_id": job.job_id,
        "id": job.job_id,
        "instance_id": job.job_id,
        "task_id": job.job_id,
        "status": Status.QUEUED.value,
        "phase": Phase.QUEUED.value,
        "statusQueryGetUri": f"/api/blast/submit/{job.job_id}/status",
        "operation_status_url": status_url,
        "created_at": instant(job.created_at),
        "meta": {"request_id": request_id, **({"warnings": list(warnings)} if warnings else {})},
    }


def summary(job: Job) -> dict[str, Any]:
    """A job in a list, and the base of a job alone. Fields without a value are left out."""
    place = job.search.placement
    shown = {
        "job_id": job.job_id,
        "instance_id": job.job_id,
        "job_title": job.search.title,
        "program": job.search.program.value,
        "db": job.search.database,
        "status": job.phase.status.value,
        "phase": job.phase.value,
        "created_at": instant(job.created_at),
        "updated_at": instant(job.updated_at),
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
        "runtime_status": _RUNTIME[job.phase.status],
        "error": job.error,
        "error_code": job.error_code,
        "reason": job.reason,
        "left_on_cluster": _left_on_cluster(job),
        "config_snapshot": _config(job),
        "infrastructure": {
            "subscription_id": place.subscription_id,
            "resource_group": place.resource_group,
            "region": place.region,
            "storage_account": place.storage_account,
            "cluster_name": place.cluster_name,
        },
        "owner_upn": job.owner.upn,
        "splits_total": job.counts.expected or 0,
        "splits_done": job.counts.succeeded,
        "splits_failed": job.counts.failed,
        "results_prefix": None if job.child_count else job.results_prefix,
        "parent_job_id": job.parent_job_id,
        "child_number": job.child_number or None,
        "submission_source": job.submission_source,
        "external_correlation_id": _given_correlation_id(job),
    }
    return {name: value for name, value in shown.items() if value is not None}


def runtime(job: Job) -> dict[str, Any]:
    """A job as the oldest clients poll it: the status of an orchestration."""
    return {
        "instance_id": job.job_id,
        "runtime_status": _RUNTIME[job.phase.status],
        "custom_status": custom_status(job),
        "created_time": instant(job.created_at),
        "last_updated_time": instant(job.updated_at),
        "output": output(job),
    }


def execution(job: Job) -> dict[str, Any]:
    """How far a job came, and no more."""
    shown = {"steps": steps(job)}
    return {
        "schema_version": 1,
        "job_id": job.job_id,
        "status": job.phase.status.value,
        "phase": job.phase.value,
        "created_at": instant(job.created_at),
        "updated_at": instant(job.updated_at),
        "custom_status": shown,
        "output": shown,
    }


def detail(job: Job, history: Sequence[Event] | None) -> dict[str, Any]:
    """A job alone, with its history if that was asked for."""
    shown = summary(job)
    shown["custom_status"] = custom_status(job)
    shown["output"] = output(job)
    if history is not None:
        shown["history"] = [event(one) for one in history]
    return shown


def custom_status(job: Job) -> dict[str, Any]:
    """Where a job is, in the shape in which orchestrations used to say it."""
    return {"phase": job.phase.value, "job_id": job.job_id, "steps": steps(job)}


def output(job: Job) -> dict[str, Any] | None:
    """What a job came to; None while it goes on."""
    if not job.phase.is_end:
        return None
    return {
        "job_id": job.job_id,
        "status": job.phase.status.value,
        "phase": job.phase.value,
        "error": job.error,
        "results_prefix": None if job.child_count else job.results_prefix,
    }


def events(job: Job, found: Sequence[Event]) -> dict[str, Any]:
    """Some of a job's history, oldest first."""
    return {"job_id": job.job_id, "events": [event(one) for one in found]}


def children(job: Job, tally: Mapping[Status, int]) -> dict[str, int]:
    """Where the searches of a batch are; those that do not exist share where it is itself."""
    shown = {status.value: tally.get(status, 0) for status in Status}
    missing = Status.CANCELLED if job.phase.is_end else Status.QUEUED
    shown[missing] += job.child_count - sum(shown.values())
    return {"total": job.child_count, **shown}


def event(one: Event) -> dict[str, Any]:
    """An entry of a job's history."""
    return {
        "id": str(one.sequence),
        "job_id": one.job_id,
        "event": one.event,
        "phase": one.phase.value,
        "status": one.phase.status.value,
        "timestamp": instant(one.at),
        "payload": one.payload,
    }


def _config(job: Job) -> dict[str, Any]:
    options, size = job.search.options, job.search.sizing
    return {
        "evalue": _number(value_of(options, "-evalue")),
        "max_target_seqs": _number(value_of(options, "-max_target_seqs")),
        "outfmt": _number(value_of(options, OUTFMT)),
        "machine_type": size.machine_type,
        "num_nodes": size.num_nodes,
    }


def _left_on_cluster(job: Job) -> str | None:
    """Of a job that had to be stopped or has failed; one that is completed ended by itself."""
    is_told = job.phase.status in (Status.FAILED, Status.CANCELLED)
    return job.left_on_cluster.value if is_told else None


def _number(text: str | None) -> float | str | None:
    """An option's value as a number, if it is one that JSON can say."""
    try:
        value = float(text or "")
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return int(value) if text and text.isdigit() else value


def _given_correlation_id(job: Job) -> str | None:
    """The caller's own id for a job, or for its batch: where none was given, ours serves."""
    ours = (job.job_id, job.parent_job_id)
    return None if job.correlation_id in ours else job.correlation_id
