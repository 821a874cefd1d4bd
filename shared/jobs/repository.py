"""The job store: a transition is one transaction of the job's row and its event."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.clients.tables import Clash, Insert, Replace, Table
from shared.contracts import wire
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from shared.contracts.steps import Report
from shared.errors import Conflict, NotFound, Unavailable
from shared.jobs import rows

MOST_CLASHES = 8
"""How often a writer starts again because another one was first."""


@dataclass(frozen=True)
class Page:
    """Some jobs of one owner, newest first. `cursor` leads to the next page; None at the end."""

    jobs: tuple[Job, ...]
    cursor: str | None


class JobStateRepository:
    """Reads and writes jobs. Every method raises Unavailable when the store cannot be asked."""

    def __init__(self, jobs: Table, index: Table, now: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._index = index
        self._now = now

    def ensure(self) -> None:
        """Create the tables unless they exist."""
        self._jobs.ensure()
        self._index.ensure()

    def create(self, job: Job, payload: Mapping[str, Any]) -> Job:
        """Keep a new job with its first event. The id is the claim: one that exists is returned."""
        # The active row is first: a crash behind it leaves a job that upkeep can find.
        self._index.upsert(rows.active_row(job))
        event = Event(
            job.job_id, job.sequence, "accepted", job.created_at, job.phase, dict(payload)
        )
        try:
            self._jobs.commit([Insert(rows.job_row(job)), Insert(rows.event_row(event))])
        except Clash:
            job = self.get(job.job_id)
        self._follow(job)
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
        report: Report | None = None,
        **changes: Any,
    ) -> Job:
        """Change fields of a job and say so in its history, both or neither.

        A step that the job has already taken changes nothing. An update that names a phase tells
        all that is wrong: an `error_code`, `error` or `reason` that it does not name is cleared.
        Raises NotFound, and Conflict for a transition that the table does not allow.
        """
        if step is not None:
            changes |= {"step": step, "report": wire.write(report) if report else None}
        writer = uuid.uuid4().hex
        for _ in range(MOST_CLASHES):
            row = self._jobs.get(job_id, rows.JOB)
            if row is None:
                raise NotFound("not_found", f"there is no job {job_id}")
            job = rows.job_of(row.columns)
            if step is not None and job.step >= step:
                break
            job = self._changed(job, changes)
            said = Event(
                job_id, job.sequence, event, job.updated_at, job.phase, dict(payload or {})
            )
            if self._committed(job, said, row.etag, writer):
                break
        else:
            raise Unavailable("contended", f"job {job_id} is being changed by too many writers")
        # Also for a step already taken: whoever took it may have died right here.
        self._follow(job)
        return job

    def append_history(
        self, job_id: str, event: str, payload: Mapping[str, Any], *, step: int | None = None
    ) -> Job:
        """Add an event that changes no field."""
        return self.update(job_id, event, payload, step=step)

    def events(self, job_id: str, after: int = 0, most: int = 1000) -> list[Event]:
        """The events with a sequence above `after`, oldest first."""
        where = "PartitionKey eq @job and RowKey gt @low and RowKey lt @high"
        values = {"job": job_id, "low": rows.event_key(after), "high": "event-~"}
        return [rows.event_of(row.columns) for row in self._jobs.page(where, values, most)]

    def page(self, owner_oid: str, size: int, cursor: str = "") -> Page:
        """A page of an owner's jobs, newest first, by one query. Later jobs do not shift it."""
        where = "PartitionKey eq @owner and RowKey gt @cursor"
        values = {"owner": rows.owner_partition(owner_oid), "cursor": cursor}
        found = self._index.page(where, values, size + 1)
        shown = found[:size]
        more = len(found) > size
        return Page(
            tuple(rows.job_of(row.columns) for row in shown),
            str(shown[-1].columns["RowKey"]) if more else None,
        )

    def _committed(self, job: Job, said: Event, etag: str, writer: str) -> bool:
        """Whether the transition is in the store, by this writer; False: another one was first."""
        try:
            self._jobs.commit(
                [Replace(rows.job_row(job), etag), Insert(rows.event_row(said, writer))]
            )
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
            if phase.is_end:
                cleared["finished_at"] = now
        return replace(job, **(cleared | dict(changes)), sequence=job.sequence + 1, updated_at=now)

    def _follow(self, job: Job) -> None:
        """Make the index say what the job's row says."""
        self._index.upsert(rows.owner_row(job))
        if job.phase.is_end:
            self._index.forget(rows.active_partition(job), job.job_id)
