"""Who waits for the submit slot of a cluster: each caller has a line, and the slot goes around."""

from dataclasses import dataclass

from shared.clients.tables import Columns, Table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.jobs import rows


@dataclass(frozen=True)
class Place:
    """A place in a line, and whose it is."""

    partition: str
    key: str
    job_id: str


class Line:
    """Rows of the jobs that wait. Every method raises Unavailable when it cannot be asked.

    They follow the jobs' own: after a crash one may be missing, or still be there.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def follow(self, job: Job, before: Job | None) -> None:
        """Let a job that waits have its place, and take it from one that waited `before`."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            self._table.upsert(rows.line_row(job))
        elif before:
            self.leave(before)

    def leave(self, job: Job) -> None:
        """Give up the place of a job, if it waits."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            self.forget(_place(rows.line_row(job)))

    def forget(self, place: Place) -> None:
        self._table.forget(place.partition, place.key)

    def before(self, job: Job) -> Place | None:
        """The first in the line of the job's caller, if it comes before the job; by one query."""
        own = rows.line_row(job)
        where = "PartitionKey eq @line and RowKey lt @key"
        return self._first(where, line=own["PartitionKey"], key=own["RowKey"])

    def behind(self, job: Job) -> Place | None:
        """The first in the line of the caller who is next to the job's; by one query or two.

        The order of callers is that of their names, and goes around, back to the job's own.
        """
        own, every = rows.line_row(job)["PartitionKey"], rows.lines(job)
        values = {"own": own, "every": every, "end": rows.after(every)}
        return self._first("PartitionKey gt @own and PartitionKey lt @end", **values) or (
            self._first("PartitionKey ge @every and PartitionKey le @own", **values)
        )

    def _first(self, where: str, **values: str) -> Place | None:
        found = self._table.page(where, values, 1)
        return _place(found[0].columns) if found else None


def _place(row: Columns) -> Place:
    return Place(row["PartitionKey"], row["RowKey"], row["job_id"])
