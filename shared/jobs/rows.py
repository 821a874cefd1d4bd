"""Jobs and events as rows, and back. Columns are flat, so that a portal can filter by them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.contracts import serialization
from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.job import Caller, Counts, Event, Job, OutboxMessage, PendingFailure
from shared.contracts.search import Search
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.errors import Unavailable

JOB = "job"
LONGEST_TEXT = 4000
"""Characters of a text; a column holds 32 K, but a longer sentence is of no use."""

LONGEST_COLUMN = 32 * 1024
"""Characters that a column can hold (source: Azure Tables)."""

_PLAIN_COLUMNS = (
    *("job_id", "elb_job_id", "fingerprint", "submission_source", "correlation_id"),
    *("created_at", "updated_at", "deadline_at", "cancel_requested_at", "started_at"),
    *("collected_at", "delete_requested_at"),
    *("finished_at", "error_code", "error", "reason", "attempt", "step", "sequence", "config_blob"),
    *(
        "ended_submit_operations",
        "untracked_submission_until",
        "sidecar_instance",
        "unrecoverable_since",
        "parent_job_id",
    ),
    *("child_number", "child_count", "notify", "request_id", "restarts", "check_at"),
    *("failed_jobs", "failed_jobs_since", "finished_batches", "other_cluster"),
    *("cleanup_confirmed_at", "cleanup_abandoned_at", "phase_since", "trace_parent"),
)
"""The fields that are columns of the same name."""


def job_row(job: Job) -> dict[str, Any]:
    """The row of a job, in its own partition."""
    place = job.search.placement
    return {
        "PartitionKey": job.job_id,
        "RowKey": JOB,
        **{name: _column(getattr(job, name)) for name in _PLAIN_COLUMNS},
        **serialization.serialize(job.counts),
        "status": job.phase.status.value,
        "phase": job.phase.value,
        "left_on_cluster": job.left_on_cluster.value,
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
        "search_json": json.dumps(serialization.serialize(job.search)),
        "stage": job.stage and job.stage.value,
        "decision_json": json.dumps(job.decision and _plain_decision(job.decision)),
        "retry_counts_json": json.dumps(dict(job.retry_counts)),
        "pending_failure_json": json.dumps(
            job.pending_failure and serialization.serialize(job.pending_failure)
        ),
        "phase_entered_at_json": json.dumps(
            {phase: at.isoformat() for phase, at in job.phase_entered_at.items()}
        ),
    }


def job_from_row(row: Mapping[str, Any]) -> Job:
    """The job that a row holds.

    Raises Unavailable if it has a stage, category or phase that this version of the app does not
    know: during an upgrade, or after a rollback, rows of a newer version are met.
    """
    try:
        return _job_from_row(row)
    except ValueError as error:  # of an enum, and of pydantic
        text = f"the row of {row['job_id']} cannot be read by this version of the app"
        raise Unavailable("row_unreadable", f"{text}: {error}") from error


def _job_from_row(row: Mapping[str, Any]) -> Job:
    decision = json.loads(row.get("decision_json", "null"))
    tried = json.loads(row["retry_counts_json"])
    retry_counts = {Category(name): count for name, count in tried.items()}
    failure = json.loads(row.get("pending_failure_json", "null"))
    entered = json.loads(row.get("phase_entered_at_json", "{}"))
    plain = {name: plain_value(row[name]) for name in _PLAIN_COLUMNS if row.get(name) is not None}
    return Job(
        **plain,
        owner=Caller(row["owner_oid"], row["tenant_id"], row["owner_upn"]),
        search=serialization.deserialize(Search, json.loads(row["search_json"])),
        phase=Phase(row["phase"]),
        left_on_cluster=LeftOnCluster(row.get("left_on_cluster", LeftOnCluster.NONE)),
        stage=Stage(row["stage"]) if row.get("stage") else None,
        decision=_decision(decision, retry_counts) if decision else None,
        retry_counts=retry_counts,
        pending_failure=serialization.deserialize(PendingFailure, failure) if failure else None,
        phase_entered_at={
            Phase(phase): datetime.fromisoformat(at) for phase, at in entered.items()
        },
        counts=serialization.deserialize(
            Counts, {k: row.get(k) for k in ("expected", "succeeded", "failed", "active")}
        ),
    )


def _plain_decision(decision: Decision) -> dict[str, Any]:
    """The decision as JSON, but for the retry counts, which have a column of their own."""
    return serialization.serialize(replace(decision, retry_counts={}))


def _decision(plain: Any, retry_counts: Mapping[Category, int]) -> Decision:
    return replace(serialization.deserialize(Decision, plain), retry_counts=retry_counts)


def event_key(sequence: int) -> str:
    """The row key of an event; it sorts by sequence."""
    return f"event-{sequence:08d}"


def event_row(event: Event, writer: str = "") -> dict[str, Any]:
    """The row of an event, beside its job's. `writer` identifies the transition's writer."""
    return {
        "PartitionKey": event.job_id,
        "RowKey": event_key(event.sequence),
        "event": event.event,
        "ts": event.at,
        "phase": event.phase.value,
        "payload_json": _fitting(event.payload),
        "writer": writer,
    }


def event_from_row(row: Mapping[str, Any]) -> Event:
    """The event that a row holds."""
    return Event(
        job_id=row["PartitionKey"],
        sequence=int(row["RowKey"].removeprefix("event-")),
        event=row["event"],
        at=plain_value(row["ts"]),
        phase=Phase(row["phase"]),
        payload=json.loads(row["payload_json"]),
    )


ACTIVE = "active:"
"""The prefix of the partitions of active rows; an owner or a batch follows."""


def after(prefix: str) -> str:
    """The first text that sorts after all that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


IS_ACTIVE = "PartitionKey ge @low and PartitionKey lt @high"
ACTIVE_RANGE = {"low": ACTIVE, "high": after(ACTIVE)}
"""The condition of all active rows, with its parameters."""

OWNER = "owner:"
"""The prefix of the partitions of owners' lists; the owner follows."""


def owner_partition(owner: Caller) -> str:
    return f"{OWNER}{owner.id}"


def parent_partition(job_id: str) -> str:
    return f"parent:{job_id}"


def list_row(job: Job) -> dict[str, Any]:
    """The row of a job in its list: newest first, or in the order of its batch.

    It has nothing of the workflow: a stage that another version does not know must not cost it
    the whole list.
    """
    listed = replace(job, stage=None, decision=None, retry_counts={}, finished_batches="")
    row = job_row(listed)
    if job.parent_job_id:
        place = f"{job.child_number:06d}-{job.job_id}"
        return {**row, "PartitionKey": parent_partition(job.parent_job_id), "RowKey": place}
    key = owner_list_key(job.job_id, job.created_at)
    return {**row, "PartitionKey": owner_partition(job.owner), "RowKey": key}


def owner_list_key(job_id: str, created_at: datetime) -> str:
    """The row key of a job in its owner's list: newest first."""
    return f"{10**13 - int(created_at.timestamp() * 1000):013d}-{job_id}"


def active_partition(job: Job) -> str:
    """Its owner's; the searches of a batch have one of their own, as the batch counts once.

    One that is retried counts by itself: its batch may have ended.
    """
    if job.parent_job_id and job.attempt == 1:
        return active_children_partition(job.parent_job_id)
    return active_owner_partition(job.owner)


def active_children_partition(parent_id: str) -> str:
    return f"{ACTIVE}{parent_id}"


def active_owner_partition(owner: Caller) -> str:
    return f"{ACTIVE}{owner.id}"


def active_row(job: Job, due: datetime, is_ahead: bool = False) -> dict[str, Any]:
    """The row of a job that is active, with the time when it should have moved.

    `is_ahead`: it is written before the job's own row, which may never follow. `has_ended`: only
    a clean-up or messages of the job are left to do.
    """
    return {
        "PartitionKey": active_partition(job),
        "RowKey": job.job_id,
        "since": job.created_at,
        "due": due,
        "sequence": job.sequence,
        "is_ahead": is_ahead,
        "has_ended": job.phase.is_end,
        "phase": job.phase.value,
        "accepted_at": job.accepted_at,
    }


def submit_queue_prefix(job: Job) -> str:
    """The prefix of the partitions of the submit queue of the job's cluster; an owner follows."""
    return f"line:{job.search.placement.cluster_name}:"


def submit_queue_row(job: Job) -> dict[str, Any]:
    """The row of a job in the submit queue of its cluster and owner, by age."""
    return {
        "PartitionKey": f"{submit_queue_prefix(job)}{job.owner.id}",
        "RowKey": f"{int(job.created_at.timestamp() * 1000):013d}-{job.job_id}",
        "job_id": job.job_id,
    }


def outbox_key(sequence: int) -> str:
    """The row key of the message about the event of that number."""
    return f"outbox-{sequence:08d}"


def outbox_row(event: Event, attempt: int) -> dict[str, Any]:
    """The row of a message that is still to be sent to the completions queue."""
    return {
        "PartitionKey": event.job_id,
        "RowKey": outbox_key(event.sequence),
        "ts": event.at,
        "status": event.phase.status.value,
        "attempt": attempt,
        "error_code": event.payload.get("error_code"),
        "error": _column(event.payload.get("error")),
    }


def outbox_message(row: Mapping[str, Any]) -> OutboxMessage:
    """The message that a row holds."""
    return OutboxMessage(
        sequence=int(row["RowKey"].removeprefix("outbox-")),
        at=plain_value(row["ts"]),
        status=Status(row["status"]),
        attempt=row["attempt"],
        error_code=row.get("error_code"),
        error=row.get("error"),
    )


def _fitting(payload: Mapping[str, Any]) -> str:
    """A payload as JSON that fits into a column: long texts are cut."""
    text = json.dumps({name: _column(value) for name, value in payload.items()})
    return text if len(text) <= LONGEST_COLUMN else json.dumps({"too_long": len(text)})


def _column(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def plain_value(value: Any) -> Any:
    """The SDK's datetime as a plain one, in UTC."""
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    return value
