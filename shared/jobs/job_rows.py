"""The rows of jobs: each is changed under its ETag, together with the event of the change."""

from collections.abc import Sequence
from contextlib import suppress

from shared.clients.tables import ConcurrencyConflict, Insert, Replace, Table, Write
from shared.contracts.job import Event, Job
from shared.errors import AccessRefused, Conflict, NotFound, Unavailable
from shared.jobs import rows
from shared.jobs.transitions import Change, StoredJob
from shared.util.recent import Recent

MAX_REMEMBERED = 1000
"""Jobs that are kept to change them without a read; a few KB each."""


class JobRows:
    """The rows of jobs in one table. Raises Unavailable if that does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._last = Recent[str, StoredJob](MAX_REMEMBERED)
        """Jobs as this process wrote them last. Their ETags tell whether another one did since."""

    async def read(self, job_id: str) -> StoredJob:
        """The job, by one point read. Raises NotFound."""
        row = await self._table.get(job_id, rows.JOB)
        if row is None:
            raise NotFound("not_found", f"there is no job {job_id}")
        return StoredJob(rows.job_from_row(row.columns), row.etag)

    def newest(self, job_id: str, stored: StoredJob | None) -> StoredJob | None:
        """The later of `stored` and of what this process wrote last, where there is one."""
        known = [each for each in (stored, self._last.get(job_id)) if each]
        return max(known, key=lambda each: each.job.sequence, default=None)

    async def change(
        self, job_id: str, change: Change, known: StoredJob | None
    ) -> tuple[StoredJob, Job | None]:
        """A job and its change, or None if nothing is to be changed. Raises NotFound and Conflict.

        A state that is `known`, and not read right now, may be old: it can be changed under its
        ETag, but it does not show that there is nothing to change.
        """
        with suppress(Conflict):
            if known and (job := change(known.job)):
                return known, job
        now = await self.read(job_id)
        return now, change(now.job)

    async def commit(
        self, job: Job, event: Event, beside: Sequence[Write], etag: str, writer: str
    ) -> bool:
        """Write a job and its event, if its row has this ETag. False if another writer was first.

        `beside` has the row of the event, which has the id of the `writer`, and further rows.
        """
        return await self._write(Replace(rows.job_row(job), etag), job, event, beside, writer)

    async def insert(self, job: Job, event: Event, beside: Sequence[Write], writer: str) -> bool:
        """Write a new job and its first event. False if it exists, by another writer."""
        return await self._write(Insert(rows.job_row(job)), job, event, beside, writer)

    async def _write(
        self, row: Write, job: Job, event: Event, beside: Sequence[Write], writer: str
    ) -> bool:
        self._last.drop(job.job_id)
        try:
            etags = await self._table.commit([row, *beside])
        except ConcurrencyConflict:
            # The conflict may be our own write whose response was lost.
            return await self._is_written_by(event, writer)
        except AccessRefused:
            raise
        except Unavailable:
            # The response of the last try may be lost, too. What has been written goes on, and is
            # reported to operators.
            if not await self._is_written_by(event, writer):
                raise
            return True
        self._last.put(job.job_id, StoredJob(job, etags[0]))
        return True

    async def _is_written_by(self, event: Event, writer: str) -> bool:
        stored = await self._table.get(event.job_id, rows.event_key(event.sequence))
        return stored is not None and stored.columns.get("writer") == writer
