"""The job store: a transition is one transaction of the job's row and its event."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.clients.tables import LARGEST_TRANSACTION, Clash, Delete, Insert, Replace, Table, Write
from shared.contracts.job import Event, Job, Owed, elb_id
from shared.contracts.states import Phase
from shared.contracts.steps import Report
from shared.errors import Conflict, NotFound, Unavailable
from shared.jobs import rows
from shared.jobs.index import MOST_CLASHES, Index

Change = Callable[[Job], Job | None]
"""The job as it shall be, or None where nothing is to be changed (any more)."""


class JobStateRepository:
    """Reads and writes jobs. Every method raises Unavailable when the store cannot be asked."""

    def __init__(self, jobs: Table, index: Index, now: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self.index = index
        self._now = now

    def ensure(self) -> None:
        """Create the tables unless they exist."""
        self._jobs.ensure()
        self.index.ensure()

    def create(self, job: Job, payload: Mapping[str, Any]) -> Job:
        """Keep a new job with its first event. The id is the claim: one that exists is returned."""
        # The active row is first: a crash behind it leaves a job that upkeep can find.
        self.index.announce(job)
        said = Event(job.job_id, job.sequence, "accepted", job.created_at, job.phase, dict(payload))
        try:
            self._jobs.commit([Insert(rows.job_row(job)), *_said(job, said, "", job.notify)])
        except Clash:
            job = self.get(job.job_id)
            self.follow(job)
        else:
            self.index.enlist(job)
        return job

    def find(self, job_id: str) -> Job | None:
        """The job, by one point read, or None."""
        row = self._jobs.get(job_id, rows.JOB)
        return rows.job_of(row.columns) if row else None

    def get(self, job_id: str) -> Job:
        """The job, by one point read. Raises NotFound."""
        job = self.find(job_id)
        if job is None:
            raise NotFound("not_found", f"there is no job {job_id}")
        return job

    def update(
        self,
        job_id: str,
        event: str,
        payload: Mapping[str, Any] | None = None,
        *,
        step: int | None = None,
        attempt: int | None = None,
        report: Report | None = None,
        unchanged: Job | None = None,
        **changes: Any,
    ) -> Job:
        """Change fields of a job and say so in its history, both or neither.

        A step that the job has already taken changes nothing, nor does one of another attempt. An
        update that names a phase tells all that is wrong: an `error_code`, `error` or `reason`
        that it does not name is cleared.
        Raises NotFound, and Conflict for a transition that the table does not allow, or where the
        row has been changed since `unchanged` was read.
        """
        if step is not None:
            changes |= {"step": step, "report": report}

        def change(job: Job) -> Job | None:
            if attempt not in (None, job.attempt) or (step is not None and job.step >= step):
                return None
            if unchanged is not None and job.sequence != unchanged.sequence:
                raise Conflict("contended", f"job {job_id} was changed by another writer")
            return self._changed(job, changes)

        return self._transact(job_id, event, payload or {}, change)

    def append_history(
        self, job_id: str, event: str, payload: Mapping[str, Any], *, step: int | None = None
    ) -> Job:
        """Add an event that changes no field."""
        return self.update(job_id, event, payload, step=step)

    def begin_again(
        self, job_id: str, attempt: int, deadline: timedelta, request_id: str | None = None
    ) -> Job:
        """Queue a failed job once more, as this attempt; said twice, it is done once.

        Its history keeps the id of the request that asked for it.
        Raises NotFound, and Conflict for a job that has not failed.
        """

        def change(job: Job) -> Job | None:
            if job.attempt >= attempt:
                return None
            if not job.phase.is_failure:
                raise Conflict("not_failed", f"job {job_id} has not failed: {job.phase}")
            renewed = self._renewed(job, attempt, deadline)
            self.index.announce(renewed)  # as for a new job: no crash can hide it from upkeep
            return renewed

        payload: dict[str, Any] = {"attempt": attempt, "elb_job_id": elb_id(job_id, attempt)}
        if request_id:
            payload["request_id"] = request_id
        return self._transact(job_id, "retry_requested", payload, change)

    def delete(self, job_id: str) -> Job:
        """Put a tombstone on a job that has ended; said twice, it is done once.

        Its rows stay until it is as old as others that are removed. Nobody is sent a message.
        Raises NotFound, and Conflict for a job that has not ended.
        """

        def change(job: Job) -> Job | None:
            if job.phase is Phase.DELETED:
                return None
            if not job.phase.is_end:
                raise Conflict("still_running", f"job {job_id} has not ended: cancel it first")
            return replace(
                job, phase=Phase.DELETED, sequence=job.sequence + 1, updated_at=self._now()
            )

        return self._transact(job_id, "deleted", {}, change)

    def events(self, job_id: str, after: int = 0, most: int = 1000) -> list[Event]:
        """The events with a sequence above `after`, oldest first."""
        where = "PartitionKey eq @job and RowKey gt @low and RowKey lt @high"
        values = {"job": job_id, "low": rows.event_key(after), "high": "event-~"}
        return [rows.event_of(row.columns) for row in self._jobs.page(where, values, most)]

    def owed(self, job_id: str) -> list[Owed]:
        """The messages of a job that have not been sent, in their order."""
        where = "PartitionKey eq @job and RowKey ge @low and RowKey lt @high"
        values = {"job": job_id, "low": rows.outbox_key(0), "high": "outbox-~"}
        return [rows.owed_of(row.columns) for row in self._jobs.all(where, values)]

    def sent(self, job_id: str, sequence: int) -> None:
        """Owe a message no more."""
        self._jobs.forget(job_id, rows.outbox_key(sequence))

    def follow(self, job: Job, before: Job | None = None) -> bool:
        """Make the index say what the job's row says, in place of what it said `before`.

        Whether the job is at rest: it has ended and owes nothing.
        """
        settled = job.phase.is_end and not (job.notify and self.owed(job.job_id))
        self.index.follow(job, settled, before)
        now = self.find(job.job_id) if settled else None
        if now and now.sequence > job.sequence:
            return self.follow(now)  # it was queued again, and its active row must not be gone
        return settled

    def erase(self, job: Job) -> bool:
        """Remove a job that is at rest, with its history; False where it is not.

        It stays where it owes a message, or has been changed since it was read; said again after a
        crash, what was left goes.
        """
        row = self._jobs.get(job.job_id, rows.JOB)
        if row is None or row.columns["sequence"] != job.sequence:
            return False
        where, values = (
            "PartitionKey eq @job and RowKey ne @row",
            {"job": job.job_id, "row": rows.JOB},
        )
        keys = [one.columns["RowKey"] for one in self._jobs.all(where, values, ("RowKey",))]
        if any(key.startswith("outbox-") for key in keys):
            return False
        try:
            # The newest first: what a crash leaves of a history has no gap. The job's row comes
            # last, with as much as goes with it: as long as it is there, its id is taken.
            while len(keys) >= LARGEST_TRANSACTION:
                doomed, keys = keys[-LARGEST_TRANSACTION:], keys[:-LARGEST_TRANSACTION]
                self._jobs.commit([Delete(job.job_id, key) for key in doomed])
            last = [Delete(job.job_id, key) for key in keys]
            self._jobs.commit([Delete(job.job_id, rows.JOB, row.etag), *last])
        except Clash:
            return False
        return True

    def _transact(self, job_id: str, event: str, payload: Mapping[str, Any], change: Change) -> Job:
        writer = uuid.uuid4().hex
        for _ in range(MOST_CLASHES):
            row = self._jobs.get(job_id, rows.JOB)
            if row is None:
                raise NotFound("not_found", f"there is no job {job_id}")
            before = rows.job_of(row.columns)
            job = change(before)
            if job is None:
                job = before
                break
            said = Event(job_id, job.sequence, event, job.updated_at, job.phase, dict(payload))
            owes = _owes(before, job)
            if self._committed(job, said, row.etag, writer, owes):
                break
        else:
            raise Unavailable("contended", f"job {job_id} is being changed by too many writers")
        # Also where nothing was changed: whoever changed it may have died right here.
        self.follow(job, before)
        return job

    def _committed(self, job: Job, said: Event, etag: str, writer: str, owes: bool) -> bool:
        """Whether the transition is in the store, by this writer; False: another one was first."""
        try:
            self._jobs.commit([Replace(rows.job_row(job), etag), *_said(job, said, writer, owes)])
        except Clash:
            # Where an answer was lost, the client's second try clashes with its own first.
            found = self._jobs.get(job.job_id, rows.event_key(said.sequence))
            return found is not None and found.columns.get("writer") == writer
        return True

    def _changed(self, job: Job, changes: Mapping[str, Any]) -> Job:
        now = self._now()
        phase: Phase | None = changes.get("phase")
        cleared: dict[str, Any] = {}
        if job.phase.is_end:
            raise Conflict("already_finished", f"job {job.job_id} has ended: {job.phase}")
        if phase is not None:
            if not job.phase.may_become(phase):
                raise Conflict("not_allowed", f"a job cannot go from {job.phase} to {phase}")
            cleared = {"error_code": None, "error": None, "reason": None}
            cleared["entered"] = {phase: now, **job.entered}
            if phase.is_end:
                cleared["finished_at"] = now
        return replace(job, **(cleared | dict(changes)), sequence=job.sequence + 1, updated_at=now)

    def _renewed(self, job: Job, attempt: int, deadline: timedelta) -> Job:
        """The job as if it had just been accepted, under a name that ElasticBLAST does not know."""
        now = self._now()
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
            # What the attempt before may have left running is known by these.
            operations=job.operations,
            unseen_until=job.unseen_until,
            sidecar_instance=job.sidecar_instance,
            parent_job_id=job.parent_job_id,
            child_number=job.child_number,
            notify=job.notify,
            request_id=job.request_id,
            entered={Phase.QUEUED: now},
        )


def _owes(before: Job, job: Job) -> bool:
    """Whether whoever waits for messages is to be told of this transition."""
    if not job.notify or job.phase is Phase.DELETED:
        return False
    return job.phase.status is not before.phase.status or not before.notify


def _said(job: Job, event: Event, writer: str, owes: bool) -> list[Write]:
    """The rows beside a job's own: its event, and the message that is owed because of it."""
    said: list[Write] = [Insert(rows.event_row(event, writer))]
    return [*said, Insert(rows.outbox_row(event, job.attempt))] if owes else said
