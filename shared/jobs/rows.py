"""Jobs and events as rows, and back. Columns are flat, so that a portal can filter by them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.contracts import wire
from shared.contracts.job import Caller, Counts, Event, Job
from shared.contracts.search import Search
from shared.contracts.states import Phase
from shared.contracts.steps import Category

JOB = "job"
LONGEST_TEXT = 4000
"""A column holds 32 K characters; a sentence that is longer than this helps nobody."""

_SAME = (
    *("job_id", "elb_job_id", "fingerprint", "submission_source", "correlation_id"),
    *("created_at", "updated_at", "deadline_at", "cancel_requested_at", "started_at"),
    *("finished_at", "error_code", "error", "reason", "attempt", "step", "sequence", "config_blob"),
    "operations",
)
"""The fields that are columns of the same name."""


def job_row(job: Job) -> dict[str, Any]:
    """The row of a job, in its own partition."""
    place = job.search.placement
    return {
        "PartitionKey": job.job_id,
        "RowKey": JOB,
        **{name: _column(getattr(job, name)) for name in _SAME},
        **wire.write(job.counts),
        "status": job.phase.status.value,
        "phase": job.phase.value,
        "owner_oid": job.owner.oid,
        "owner_upn": job.owner.upn,
        "tenant_id": job.owner.tenant_id,
        "title": job.search.title,
        "program": job.search.program.value,
        "db": job.search.database,
        "query_url": job.search.query_url,
        "results_prefix": job.results_prefix,
        "cluster_name": place.cluster_name,
        "resource_group": place.resource_group,
        "subscription_id": place.subscription_id,
        "storage_account": place.storage_account,
        "search_json": json.dumps(wire.write(job.search)),
        "report_json": json.dumps(job.report),
        "tries_json": json.dumps(dict(job.tries)),
    }


def job_of(row: Mapping[str, Any]) -> Job:
    """The job that a row holds."""
    return Job(
        **{name: _value(row.get(name)) for name in _SAME},
        owner=Caller(row["owner_oid"], row["tenant_id"], row["owner_upn"]),
        search=wire.read(Search, json.loads(row["search_json"])),
        phase=Phase(row["phase"]),
        report=json.loads(row.get("report_json", "null")),
        tries={Category(name): count for name, count in json.loads(row["tries_json"]).items()},
        counts=wire.read(
            Counts, {k: row.get(k) for k in ("expected", "succeeded", "failed", "active")}
        ),
    )


def event_key(sequence: int) -> str:
    """The row key of an event; it sorts by sequence."""
    return f"event-{sequence:08d}"


def event_row(event: Event, writer: str = "") -> dict[str, Any]:
    """The row of an event, beside its job's. `writer` tells whose transition it was."""
    return {
        "PartitionKey": event.job_id,
        "RowKey": event_key(event.sequence),
        "event": event.event,
        "ts": event.at,
        "phase": event.phase.value,
        "payload_json": json.dumps(event.payload),
        "writer": writer,
    }


def event_of(row: Mapping[str, Any]) -> Event:
    """The event that a row holds."""
    return Event(
        job_id=row["PartitionKey"],
        sequence=int(row["RowKey"].removeprefix("event-")),
        event=row["event"],
        at=_value(row["ts"]),
        phase=Phase(row["phase"]),
        payload=json.loads(row["payload_json"]),
    )


def owner_partition(oid: str) -> str:
    return f"owner:{oid}"


def owner_row(job: Job) -> dict[str, Any]:
    """The row by which a list finds a job; keys sort the newest first."""
    inverted = 10**13 - int(job.created_at.timestamp() * 1000)
    return {
        **job_row(replace(job, report=None)),
        "PartitionKey": owner_partition(job.owner.oid),
        "RowKey": f"{inverted:013d}-{job.job_id}",
    }


def active_partition(job: Job) -> str:
    return f"active:{job.search.placement.cluster_name}"


def active_row(job: Job) -> dict[str, Any]:
    """The row that says that a job has not ended."""
    return {"PartitionKey": active_partition(job), "RowKey": job.job_id, "since": job.created_at}


def _column(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _value(value: Any) -> Any:
    """The store's own kind of datetime as a plain one, in UTC."""
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    return value
