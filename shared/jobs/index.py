"""What finds jobs: the lists of owners and batches, and the jobs that have not come to rest."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.clients.tables import Columns, ConcurrencyConflict, Insert, Replace, Table
from shared.contracts.job import Caller, Job
from shared.contracts.states import LeftOnCluster, Status
from shared.errors import Unavailable
from shared.jobs import rows
from shared.jobs.submit_queue import SubmitQueueRows

MAX_CONFLICTS = 8
"""How often a writer starts again because another one was first."""
SLICE = 1000
"""Rows that one query asks for; Tables gives no more at once."""


@dataclass(frozen=True)
class JobPage:
    """Some jobs of one list, in its order. `cursor` leads to the next page; None at the end."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True)
class ListRow:
    """Where a row of a list lies, and the job that it shows."""

    partition: str
    key: str
    job_id: str


@dataclass(frozen=True)
class ActiveChild:
    """A search of a batch that goes on."""

    job_id: str
    cancel_requested: bool
    """Whether it has been asked to cancel."""
    started: bool
    """Whether its orchestration is known to run, because it has taken a step."""


class Index:
    """Rows that follow the job's own. Every method raises Unavailable when it cannot be asked.

    A job has one row in a list: its owner's, newest first, or its batch's, in the batch's order.
    It has a row among the active for as long as something is still to be done for it, and a place
    in a line while it waits for a submit slot.
    """

    def __init__(self, table: Table, late_after: timedelta) -> None:
        """A job is late when it has not moved for `late_after` past its next expected step."""
        self.submit_queue = SubmitQueueRows(table)
        self._table = table
        self._late_after = late_after

    def ensure(self) -> None:
        self._table.ensure()

    def mark_active(self, job: Job) -> None:
        """Say that a job is active. Before it exists, too: so no crash can hide it from upkeep."""
        due = job.updated_at + job.last_delay + self._late_after
        self._table.upsert(rows.active_row(job, due))

    def sync(self, job: Job, settled: bool, before: Job | None) -> None:
        """Make the index say what the job's row says; `settled`: nothing is left to be done.

        `before` is what the row said until now, where that is known.
        """
        if not settled:
            self.mark_active(job)
        self.upsert_list_row(job)
        self.submit_queue.sync(job, before)
        if settled:
            self.remove_active(rows.active_partition(job), job.job_id)

    def upsert_list_row(self, job: Job) -> None:
        """Write the row in its list, unless a later writer was here before."""
        row = rows.list_row(job)
        known = None if job.sequence == 1 else self._table.get(row["PartitionKey"], row["RowKey"])
        for _ in range(MAX_CONFLICTS):
            if known and known.columns["sequence"] >= job.sequence:
                return
            try:
                self._table.write(Replace(row, known.etag) if known else Insert(row))
            except ConcurrencyConflict:
                known = self._table.get(row["PartitionKey"], row["RowKey"])
            else:
                return
        raise Unavailable("concurrent_update", f"the list of {job.job_id} has too many writers")

    def defer(self, job: Job, until: datetime) -> None:
        """Have upkeep look after the job at that time."""
        self._table.upsert(rows.active_row(job, until))

    def remove_active(self, partition: str, job_id: str) -> None:
        self._table.delete(partition, job_id)

    def drop_orphan(self, partition: str, job_id: str, before: datetime) -> None:
        """Drop the active row of a job that does not exist, if it was announced before then."""
        row = self._table.get(partition, job_id)
        if row and row.columns["since"] < before:
            self.remove_active(partition, job_id)

    def find_overdue(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Partition and job id of each active row that is late."""
        where = "PartitionKey ge @low and PartitionKey lt @high and due lt @now"
        values = {"low": rows.ACTIVE, "high": rows.after(rows.ACTIVE), "now": now}
        for row in self._table.query(where, values, ("PartitionKey", "RowKey")):
            yield row.columns["PartitionKey"], row.columns["RowKey"]

    def find_expired(self, before: datetime) -> Iterator[ListRow]:
        """The list rows of jobs that ended before then. Looks at every list: for once a day."""
        return self._listed("finished_at lt @before", {"before": before})

    def find_orphans(self) -> Iterator[str]:
        """The id of each job that a list calls unfinished and that is not among the active.

        Looks at every list and at all that is active: for once a day.
        """
        where = "PartitionKey ge @low and PartitionKey lt @high"
        values = {"low": rows.ACTIVE, "high": rows.after(rows.ACTIVE)}
        either = "( status eq @queued or status eq @running )"  # the SDK splits it at blanks
        statuses = {"queued": Status.QUEUED.value, "running": Status.RUNNING.value}
        unfinished = {row.job_id for row in self._listed(either, statuses)}
        # The active come second: a job that was accepted in between is not taken for astray.
        active = {row.columns["RowKey"] for row in self._table.query(where, values, ("RowKey",))}
        yield from sorted(unfinished - active)

    def is_row_of(self, listed: ListRow, job: Job) -> bool:
        """Whether this is the job's own row. An id can come again once its job was removed."""
        row = rows.list_row(job)
        return (listed.partition, listed.key) == (row["PartitionKey"], row["RowKey"])

    def remove_listed(self, listed: ListRow) -> None:
        self._table.delete(listed.partition, listed.key)

    def count_active(self, owner: Caller, most: int) -> int:
        """How many jobs of an owner are active, counted up to `most`; a batch is one of them.

        One query of `most` keys in one partition, or one for each thousand.
        """
        where, values = (
            "PartitionKey eq @partition",
            {"partition": rows.active_owner_partition(owner)},
        )
        found = self._table.query(where, values, ("RowKey",), min(most, SLICE))
        return sum(1 for _ in islice(found, most))

    def page(
        self, owner: Caller, size: int, cursor: str = "", only: Mapping[str, str] | None = None
    ) -> JobPage:
        """A page of an owner's jobs, newest first, by one query. Later jobs do not shift it.

        `only` names columns, such as `status`, and what they must say.
        """
        return self._page(rows.owner_partition(owner), size, cursor, only or {})

    def children(self, parent_id: str, size: int, cursor: str = "") -> JobPage:
        """A page of a batch's searches, in the order of the batch, by one query."""
        return self._page(rows.parent_partition(parent_id), size, cursor, {})

    def count_by_status(self, parent_id: str) -> Counter[Status]:
        """How many of a batch's searches have which status; one query for each thousand."""
        where, values = "PartitionKey eq @parent", {"parent": rows.parent_partition(parent_id)}
        found = self._table.query(where, values, ("status",))
        return Counter(Status(row.columns["status"]) for row in found)

    def find_active_children(self, parent_id: str) -> Iterator[ActiveChild]:
        """A batch's searches that have not ended; one query for each thousand."""
        # The SDK finds parameters between spaces alone.
        where = "PartitionKey eq @parent and ( status eq @queued or status eq @running )"
        values = {
            "parent": rows.parent_partition(parent_id),
            "queued": Status.QUEUED.value,
            "running": Status.RUNNING.value,
        }
        for row in self._table.query(where, values, ("job_id", "status", "cancel_requested_at")):
            job_id, status = row.columns["job_id"], row.columns["status"]
            asked = row.columns.get("cancel_requested_at") is not None
            yield ActiveChild(job_id, asked, started=status != Status.QUEUED)

    def unconfirmed(self, parent_id: str, most: int) -> list[str]:
        """The ids of at most so many searches of a batch of which something may be left."""
        where = "PartitionKey eq @parent and left_on_cluster eq @unknown"
        values = {
            "parent": rows.parent_partition(parent_id),
            "unknown": LeftOnCluster.UNKNOWN.value,
        }
        found = self._table.query(where, values, ("job_id",), min(most, SLICE))
        return [row.columns["job_id"] for row in islice(found, most)]

    def _page(self, partition: str, size: int, cursor: str, only: Mapping[str, str]) -> JobPage:
        where = "PartitionKey eq @partition and RowKey gt @cursor and status ne @deleted"
        where += "".join(f" and {name} eq @{name}" for name in only)
        given = {"partition": partition, "cursor": cursor, "deleted": Status.DELETED.value}
        found = self._table.query_page(where, {**given, **only}, size + 1)
        shown = found[:size]
        return JobPage(
            tuple(rows.job_from_row(row.columns) for row in shown),
            str(shown[-1].columns["RowKey"]) if len(found) > size else None,
        )

    def _listed(self, where: str, values: Columns) -> Iterator[ListRow]:
        everywhere = "PartitionKey ge @first and PartitionKey lt @last"
        lists = {"first": rows.OWNER, "last": rows.after(rows.parent_partition(""))}
        columns = ("PartitionKey", "RowKey", "job_id")
        for row in self._table.query(f"{everywhere} and {where}", {**lists, **values}, columns):
            yield ListRow(*(row.columns[name] for name in columns))
