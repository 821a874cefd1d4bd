"""Who waits for the submit slot of a cluster: each caller has a line, and the slot goes around."""

from dataclasses import dataclass

from shared.clients.tables import Columns, Table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.jobs import rows


@dataclass(frozen=True)
class QueueEntry:
    """A place in a line, and whose it is."""

    partition: str
    key: str
    job_id: str


class SubmitQueueRows:
    """Rows of the jobs that wait. Every method raises Unavailable when it cannot be asked.

    They follow the jobs' own: after a crash one may be missing, or still be there.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def sync(self, job: Job, before: Job | None) -> None:
        """Let a job that waits have its place, and take it from one that waited `before`."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            self._table.upsert(rows.submit_queue_row(job))
        elif before:
            self.remove(before)

    def remove(self, job: Job) -> None:
        """Give up the place of a job, if it waits."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            self.remove_entry(_entry(rows.submit_queue_row(job)))

    def remove_entry(self, place: QueueEntry) -> None:
        self._table.delete(place.partition, place.key)

    def first_ahead(self, job: Job) -> QueueEntry | None:
        """The first in the line of the job's caller, if it comes before the job; by one query."""
        own = rows.submit_queue_row(job)
        where = "PartitionKey eq @line and RowKey lt @key"
        return self._first(where, line=own["PartitionKey"], key=own["RowKey"])

    def next_owner_first(self, job: Job) -> QueueEntry | None:
        """The first in the line of the caller who is next to the job's; by one query or two.

        The order of callers is that of their names, and goes around, back to the job's own.
        """
        own, every = rows.submit_queue_row(job)["PartitionKey"], rows.submit_queue_prefix(job)
        values = {"own": own, "every": every, "end": rows.after(every)}
        return self._first("PartitionKey gt @own and PartitionKey lt @end", **values) or (
            self._first("PartitionKey ge @every and PartitionKey le @own", **values)
        )

    def _first(self, where: str, **values: str) -> QueueEntry | None:
        found = self._table.query_page(where, values, 1)
        return _entry(found[0].columns) if found else None


def _entry(row: Columns) -> QueueEntry:
    return QueueEntry(row["PartitionKey"], row["RowKey"], row["job_id"])
