"""The job store: a transition is one transaction of the job's row and its event."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Unpack

from shared.clients.tables import Table
from shared.contracts.job import Event, Job, JobChanges, OutboxMessage, elb_id
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict, Unavailable
from shared.jobs import rows
from shared.jobs.index import Index
from shared.jobs.job_rows import JobRows
from shared.jobs.purge import purge_rows
from shared.jobs.sequenced_rows import MAX_CONFLICTS
from shared.jobs.transitions import (
    Change,
    Payload,
    StepRecord,
    StoredJob,
    changed,
    next_attempt,
    owes_message,
    redacted_job,
    require_attempt,
    rows_of,
    with_closed_cleanup,
    with_delete_request,
)
from shared.telemetry.telemetry import Telemetry
from shared.telemetry.tracing import current_trace_parent
from shared.util.redaction import redact_all

RESTARTED = "orchestration_restarted"
"""The event of an orchestration that reconcile has restarted."""


class JobStateRepository:
    """Reads and writes jobs. Every method raises Unavailable if the store does not answer."""

    def __init__(
        self,
        jobs: Table,
        index: Index,
        now: Callable[[], datetime],
        telemetry: Telemetry | None = None,
    ) -> None:
        """Every committed transition is reported to `telemetry`."""
        self._jobs = jobs
        self.index = index
        self._now = now
        self._rows = JobRows(jobs)
        self._telemetry = telemetry or Telemetry()

    async def ensure(self) -> None:
        """Create the tables unless they exist."""
        await self._jobs.ensure()
        await self.index.ensure()

    async def create(self, job: Job, payload: Payload, is_claimed: bool = False) -> Job:
        """Create a job with its first event; idempotent. `is_claimed`: it has an active row."""
        job = replace(redacted_job(job), check_at=self.index.check_time(job))
        if not is_claimed:
            # Write the active row first, so that reconcile finds the job after a crash.
            await self.index.mark_active(job, is_ahead=True)
        payload = redact_all(payload)
        accepted = Event(
            job.job_id, job.sequence, "accepted", job.created_at, job.phase, dict(payload)
        )
        writer = uuid.uuid4().hex
        beside = rows_of(job, accepted, writer, job.notify)
        if not await self._rows.insert(job, accepted, beside, writer):
            job = await self.get(job.job_id)
            await self.sync(job)
            return job
        self._telemetry.transition(None, job, accepted)
        await self.index.upsert_list_row(job)
        return job

    async def find(self, job_id: str) -> Job | None:
        """The job, by one point read, or None."""
        row = await self._jobs.get(job_id, rows.JOB)
        return rows.job_from_row(row.columns) if row else None

    async def read(self, job_id: str) -> StoredJob:
        """The job, for an update with the ETag of its row. Raises NotFound."""
        return await self._rows.read(job_id)

    async def get(self, job_id: str) -> Job:
        """The job, by one point read. Raises NotFound."""
        return (await self.read(job_id)).job

    async def update(
        self,
        job_id: str,
        event: str,
        payload: Payload | None = None,
        *,
        step: StepRecord | None = None,
        attempt: int | None = None,
        unless: Callable[[Job], bool] = lambda job: False,
        unchanged: Job | None = None,
        stored: StoredJob | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job:
        """Change fields of a job and add an event to its history, in one transaction.

        Nothing changes where the job has already taken this step, is in another attempt, or where
        `unless` holds for the row as it is when it is written. An update that names a phase clears
        the `error_code`, `error` and `reason` that it does not name. `stored` saves the read of the
        row, unless that has changed since.
        Raises NotFound, and Conflict for a transition that the table does not allow, or where the
        row has been changed since `unchanged` was read.
        """
        all_changes = {**changes, **(step.changes if step else {})}

        def change(job: Job) -> Job | None:
            if attempt not in (None, job.attempt) or (step is not None and job.step >= step.step):
                return None
            if not job.phase.is_end and unless(job):
                return None
            if unchanged is not None and job.sequence != unchanged.sequence:
                raise Conflict("concurrent_update", f"job {job_id} was changed by another writer")
            return changed(job, all_changes, self._now())

        return await self._transact(job_id, event, payload or {}, change, stored)

    async def append_history(self, job_id: str, event: str, payload: Payload) -> Job:
        """Add an event that changes no field."""
        return await self.update(job_id, event, payload)

    async def request_cancel(self, job_id: str) -> Job:
        """Record the request to cancel a job. Idempotent: the time of the first request stays.

        Raises NotFound, and Conflict for a job that has ended.
        """
        return await self.update(
            job_id,
            "cancel_requested",
            unless=lambda job: job.cancel_requested_at is not None,
            cancel_requested_at=self._now(),
        )

    async def start_attempt(
        self, job_id: str, attempt: int, deadline: timedelta, request_id: str | None = None
    ) -> Job:
        """Queue a failed job again, as this attempt. Idempotent.

        Its history keeps the id of the request.
        Raises NotFound, and Conflict for a job that has not failed.
        """

        def change(job: Job) -> Job | None:
            if job.attempt >= attempt:
                return None
            if not job.phase.is_failure:
                raise Conflict("not_failed", f"job {job_id} has not failed: {job.phase}")
            started = next_attempt(job, attempt, self._now(), deadline)
            return replace(started, trace_parent=current_trace_parent())

        payload: dict[str, Any] = {"attempt": attempt, "elb_job_id": elb_id(job_id, attempt)}
        if request_id:
            payload["request_id"] = request_id
        return await self._transact(job_id, "retry_requested", payload, change)

    async def request_delete(self, job_id: str, attempt: int | None = None) -> Job:
        """Record that a job, or only this attempt of it, is to be cancelled and deleted."""

        def change(job: Job) -> Job | None:
            require_attempt(job, attempt)
            return with_delete_request(job, self._now())

        return await self._transact(job_id, "delete_requested", {}, change)

    async def delete(self, job_id: str, attempt: int | None = None) -> Job:
        """Mark a job as deleted that has ended, and of which nothing is left. Idempotent.

        Its rows stay until purge removes them. No message is sent.
        Raises NotFound, and Conflict for any other job, and for another attempt than this one.
        """

        def change(job: Job) -> Job | None:
            require_attempt(job, attempt)
            if job.phase is Phase.DELETED:
                return None
            if not job.phase.is_end or job.left_on_cluster is LeftOnCluster.UNKNOWN:
                raise Conflict("still_running", f"job {job_id} may still run on its cluster")
            return replace(
                job, phase=Phase.DELETED, sequence=job.sequence + 1, updated_at=self._now()
            )

        return await self._transact(job_id, "deleted", {}, change)

    async def record_restart(self, job: Job, payload: Payload, reason: str, restarts: int) -> Job:
        """Record that the orchestration of a job was restarted; `job` is its row before that.

        A job that has recorded a step since then keeps its own reason.
        """

        def change(now: Job) -> Job | None:
            if now.attempt != job.attempt or now.phase.is_end:
                return None
            is_same = now.step == job.step
            changes = {"reason": reason, "restarts": restarts}
            return changed(now, changes if is_same else {}, self._now())

        return await self._transact(job.job_id, RESTARTED, payload, change)

    async def confirm_cleanup(self, job: Job, payload: Payload) -> Job:
        """Record the proof that nothing is left of a job that ended without it.

        Beside `abandon_cleanup` the only change of a job that has ended: its phase, its status and
        its error stay. Idempotent; another attempt is not changed.
        """
        changes = {"left_on_cluster": LeftOnCluster.NONE, "cleanup_confirmed_at": self._now()}
        return await self._close_cleanup(job, "cleanup_confirmed", payload, **changes)

    async def abandon_cleanup(self, job: Job, payload: Payload) -> Job:
        """Record that reconcile stops cleaning up a job of which something may be left."""
        changes = {"cleanup_abandoned_at": self._now()}
        return await self._close_cleanup(job, "cleanup_abandoned", payload, **changes)

    async def events(self, job_id: str, after: int = 0, most: int = 1000) -> list[Event]:
        """The events with a sequence above `after`, oldest first."""
        where = "PartitionKey eq @job and RowKey gt @low and RowKey lt @high"
        values = {"job": job_id, "low": rows.event_key(after), "high": "event-~"}
        event_rows = await self._jobs.query_first(where, values, most)
        return [rows.event_from_row(row.columns) for row in event_rows]

    async def pending_messages(self, job_id: str) -> list[OutboxMessage]:
        """The messages of a job that have not been sent, in their order."""
        where = "PartitionKey eq @job and RowKey ge @low and RowKey lt @high"
        values = {"job": job_id, "low": rows.outbox_key(0), "high": "outbox-~"}
        return [rows.outbox_message(row.columns) async for row in self._jobs.query(where, values)]

    async def mark_sent(self, job_id: str, sequence: int) -> None:
        """Remove a message that was sent."""
        await self._jobs.delete(job_id, rows.outbox_key(sequence))

    async def sync(self, job: Job, before: Job | None = None) -> bool:
        """Write the index rows of the job; `before` is its row before a transition, if known.

        Returns whether the job is settled: it has ended, and has no message and no clean-up left.
        """
        settled = job.is_settled and not (job.notify and await self.pending_messages(job.job_id))
        is_current = await self.index.sync(job, settled, before)
        now = await self.find(job.job_id) if settled or not is_current else None
        if now and now.sequence > job.sequence:
            # Another writer was faster; or the job was queued again, and needs its active row.
            return await self.sync(now, job)
        return settled

    async def purge(self, job: Job) -> bool:
        """Remove a settled job with its history; False if it is not, or has changed. Idempotent."""
        return job.is_settled and await purge_rows(self._jobs, job)

    async def _transact(
        self,
        job_id: str,
        event: str,
        payload: Payload,
        change: Change,
        stored: StoredJob | None = None,
    ) -> Job:
        writer = uuid.uuid4().hex
        known = self._rows.newest(job_id, stored)
        for _ in range(MAX_CONFLICTS):
            now, job = await self._rows.change(job_id, change, known)
            before, known = now.job, None
            if job is None:
                # The process that changed it may have died right after that.
                await self.sync(before)
                return before
            job = replace(redacted_job(job), check_at=self.index.check_time(job, before))
            payload = redact_all(payload)
            written = Event(job_id, job.sequence, event, job.updated_at, job.phase, dict(payload))
            beside = rows_of(job, written, writer, owes_message(before, job))
            if job.attempt > before.attempt:
                # First, as for a new job: reconcile finds it.
                await self.index.mark_active(job, is_ahead=True)
            if await self._rows.commit(job, written, beside, now.etag, writer):
                break
        else:
            text = f"job {job_id} is being changed by too many writers"
            raise Unavailable("concurrent_update", text)
        self._telemetry.transition(before, job, written)
        await self.sync(job, before)
        return job

    async def _close_cleanup(self, job: Job, event: str, payload: Payload, **changes: Any) -> Job:
        def change(now: Job) -> Job | None:
            return (
                with_closed_cleanup(now, changes, self._now())
                if now.attempt == job.attempt
                else None
            )

        return await self._transact(job.job_id, event, payload, change)
