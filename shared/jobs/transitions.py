"""How a job's next row follows from the one before. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.clients.tables import Insert, Write
from shared.contracts.activities import Decision, Stage
from shared.contracts.job import Event, Job, elb_id
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict
from shared.jobs import rows
from shared.util.redaction import redacted

Change = Callable[[Job], Job | None]
"""Gives the changed job, or None if nothing is to be changed."""
Payload = Mapping[str, Any]
"""What an event says beside its name."""


@dataclass(frozen=True)
class StoredJob:
    """A job as it was read, with the ETag of its row for a conditional write."""

    job: Job
    etag: str


@dataclass(frozen=True)
class StepRecord:
    """A step that a transition records: its number, its stage, and what follows it."""

    step: int
    stage: Stage
    decision: Decision

    @property
    def changes(self) -> Mapping[str, Any]:
        """The fields of the row that record it. A step that was taken resets the restarts."""
        return {
            "step": self.step,
            "stage": self.stage,
            "decision": self.decision,
            "retry_counts": self.decision.retry_counts,
            "restarts": 0,
        }


def changed(job: Job, changes: Mapping[str, Any], now: datetime) -> Job:
    """The job after one event with these changes. Raises Conflict if they are not allowed."""
    phase: Phase | None = changes.get("phase")
    cleared: dict[str, Any] = {}
    if job.phase.is_end:
        raise Conflict("already_finished", f"job {job.job_id} has ended: {job.phase}")
    if phase is not None:
        if not job.phase.can_become(phase):
            raise Conflict("not_allowed", f"a job cannot go from {job.phase} to {phase}")
        cleared = {"error_code": None, "error": None, "reason": None}
        cleared["phase_entered_at"] = {phase: now, **job.phase_entered_at}
        cleared["phase_since"] = now if phase is not job.phase else job.phase_since
        if phase.is_end:
            cleared["finished_at"] = now
    return replace(job, **(cleared | dict(changes)), sequence=job.sequence + 1, updated_at=now)


def with_closed_cleanup(job: Job, changes: Mapping[str, Any], now: datetime) -> Job | None:
    """The ended job whose clean-up is proven or given up; None if it has either already."""
    is_open = job.phase.is_end and job.left_on_cluster is LeftOnCluster.UNKNOWN
    is_abandoned = "left_on_cluster" not in changes and job.cleanup_abandoned_at is not None
    if not is_open or is_abandoned:
        return None
    return replace(job, **changes, sequence=job.sequence + 1, updated_at=now)


def with_delete_request(job: Job, now: datetime) -> Job | None:
    """The job that its owner wants deleted, and cancelled before; None if that is known."""
    if job.delete_requested_at or job.phase is Phase.DELETED:
        return None
    if job.phase.is_end:
        return replace(job, delete_requested_at=now, sequence=job.sequence + 1, updated_at=now)
    cancel_at = job.cancel_requested_at or now
    return changed(job, {"delete_requested_at": now, "cancel_requested_at": cancel_at}, now)


def require_attempt(job: Job, attempt: int | None) -> None:
    """Raise Conflict if the job is not in this attempt; None means any."""
    if attempt not in (None, job.attempt):
        raise Conflict("still_running", f"job {job.job_id} was retried meanwhile")


def next_attempt(job: Job, attempt: int, now: datetime, deadline: timedelta) -> Job:
    """The job as newly accepted, with another ElasticBLAST id."""
    return Job(
        job_id=job.job_id,
        elb_job_id=elb_id(job.job_id, attempt),
        owner=job.owner,
        search=job.search,
        fingerprint=job.fingerprint,
        submission_source=job.submission_source,
        correlation_id=job.correlation_id,
        phase=Phase.QUEUED,
        created_at=job.created_at,
        updated_at=now,
        deadline_at=now + deadline,
        attempt=attempt,
        sequence=job.sequence + 1,
        # A submission of the attempt before may still run: these identify it.
        ended_submit_operations=job.ended_submit_operations,
        untracked_submission_until=job.untracked_submission_until,
        sidecar_instance=job.sidecar_instance,
        # Kept until a clean-up proves that nothing is left.
        left_on_cluster=job.left_on_cluster,
        other_cluster=job.other_cluster,
        parent_job_id=job.parent_job_id,
        child_number=job.child_number,
        notify=job.notify,
        request_id=job.request_id,
        phase_entered_at={Phase.QUEUED: now},
        phase_since=now,
    )


def owes_message(before: Job, job: Job) -> bool:
    """Whether this transition sends a message."""
    if not job.notify or job.phase is Phase.DELETED:
        return False
    return job.phase.status is not before.phase.status or not before.notify


def rows_of(job: Job, event: Event, writer: str, owes: bool) -> list[Write]:
    """The rows of a transition beside the job's own: its event, and its message, if any."""
    writes: list[Write] = [Insert(rows.event_row(event, writer))]
    return [*writes, Insert(rows.outbox_row(event, job.attempt))] if owes else writes


def redacted_job(job: Job) -> Job:
    """The job without secrets and sequences of counterparts' texts (I9)."""
    failure = job.pending_failure and replace(
        job.pending_failure, error=redacted(job.pending_failure.error)
    )
    return replace(
        job,
        error=job.error and redacted(job.error),
        reason=job.reason and redacted(job.reason),
        failed_jobs=job.failed_jobs and redacted(job.failed_jobs),
        pending_failure=failure,
    )
