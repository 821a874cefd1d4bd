"""The index: lists of jobs by owner and batch, active jobs, and the submit queues."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clients.tables import LARGEST_PAGE, Columns, Table
from shared.contracts.job import Caller, Job
from shared.contracts.states import LeftOnCluster, Status
from shared.jobs import rows
from shared.jobs.active_jobs import ActiveCounts, count_active
from shared.jobs.claims import ContentClaim, ContentClaims
from shared.jobs.sequenced_rows import SequencedRows
from shared.jobs.submit_queue import SubmitQueueRows

_UNFINISHED = "PartitionKey eq @partition and has_ended eq @ended"


@dataclass(frozen=True)
class JobPage:
    """One page of a list. `cursor` continues after it; None on the last page."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True)
class ListRow:
    """The key of a list row, and its job."""

    partition: str
    key: str
    job_id: str


@dataclass(frozen=True)
class ActiveChild:
    """A search of a batch that has not ended."""

    job_id: str
    cancel_requested: bool
    """Whether a cancel was requested."""
    started: bool
    """Whether its orchestration has completed a step, which proves that it runs."""


class Index:
    """Rows that follow the job's own. Every method raises Unavailable if storage is down.

    A job has one list row: in its owner's list, newest first, or in its batch's, in the order of
    the batch. It has an active row while work for it remains, and a submit queue row while it
    waits for the submit slot.
    """

    def __init__(self, table: Table, reconcile_after: timedelta) -> None:
        """A job is overdue when its next step is `reconcile_after` late."""
        self.claims = ContentClaims(table)
        self.submit_queue = SubmitQueueRows(table)
        self._table = table
        self._reconcile_after = reconcile_after
        self._sequenced = SequencedRows(table)

    async def ensure(self) -> None:
        await self._table.ensure()

    def check_time(self, job: Job, before: Job | None = None) -> datetime:
        """When reconcile should check on the job: some time after its next step.

        The time stays as it was `before`, and the active row need not be written, where the new
        one is near. Then a lost orchestration is found that much later, at most.
        """
        due = job.updated_at + job.last_delay + self._reconcile_after
        if before is None or before.check_at is None or not _is_alike(job, before):
            return due
        is_near = abs(due - before.check_at) <= self._reconcile_after / 2
        return before.check_at if is_near else due

    async def mark_active(self, job: Job, is_ahead: bool = False) -> None:
        """Write the active row.

        `is_ahead`: before the job's own row, so that reconcile finds it after a crash.
        """
        due = job.check_at or self.check_time(job)
        await self._table.upsert(rows.active_row(job, due, is_ahead))

    async def claim(self, claim: ContentClaim, job: Job) -> None:
        """Write the active row ahead of the job, and its claim. Raises ClaimTaken."""
        row = rows.active_row(job, self.check_time(job), is_ahead=True)
        await self.claims.write(claim, row)

    async def sync(self, job: Job, settled: bool, before: Job | None) -> bool:
        """Bring the index up to date with the job's row. `settled`: no work for the job remains.

        `before` is the previous state of the job, if known. False if the list row has a later
        state: another writer was first, whose other rows this one may have overwritten.
        """

        async def write_others() -> None:
            if not settled and not (before and _has_active_row(job, before)):
                await self.mark_active(job)
            await self.submit_queue.sync(job, before)

        # They are written between the read of the list row and its conditional write, so that of
        # two writers at once the one with the earlier state learns of the other.
        row = rows.list_row(job)
        is_current = await self._sequenced.write(
            row,
            self._sequenced.last_written(row) or await self._sequenced.get(row),
            lambda stored: bool(stored["sequence"] > job.sequence),
            write_others,
        )
        if is_current and settled:
            await self.remove_active(rows.active_partition(job), job.job_id)
        return is_current

    async def upsert_list_row(self, job: Job) -> None:
        """Write the list row, unless it has a later state already. Idempotent."""
        row = rows.list_row(job)
        stored = None if job.sequence == 1 else await self._sequenced.get(row)
        await self._sequenced.write(
            row, stored, lambda stored: bool(stored["sequence"] >= job.sequence)
        )

    async def defer(self, job: Job, until: datetime) -> None:
        """Make the job overdue at `until`, so that reconcile processes it then.

        Does nothing if the job has changed since it was read: the active row of an attempt that
        has begun meanwhile must not say that the job has ended.
        """

        def is_later(stored: Columns) -> bool:
            return not stored["is_ahead"] and bool(stored["sequence"] > job.sequence)

        row = rows.active_row(job, until)
        await self._sequenced.write(row, await self._sequenced.get(row), is_later)

    async def remove_active(self, partition: str, job_id: str) -> None:
        await self._table.delete(partition, job_id)

    async def drop_orphan(self, partition: str, job_id: str, before: datetime) -> None:
        """Delete the active row of a job that does not exist, if it was written before `before`."""
        row = await self._table.get(partition, job_id)
        if row and row.columns["since"] < before:
            await self.remove_active(partition, job_id)

    async def find_overdue(self, now: datetime) -> AsyncIterator[tuple[str, str]]:
        """Partition and job id of each overdue active row."""
        where, values = f"{rows.IS_ACTIVE} and due lt @now", {**rows.ACTIVE_RANGE, "now": now}
        async for row in self._table.query(where, values, ("PartitionKey", "RowKey")):
            yield row.columns["PartitionKey"], row.columns["RowKey"]

    def find_expired(self, before: datetime) -> AsyncIterator[ListRow]:
        """The list rows of jobs that ended before `before`. Scans all lists: for daily use."""
        return self._listed("finished_at lt @before", {"before": before})

    async def find_orphans(self) -> AsyncIterator[str]:
        """The id of each job that is unfinished in its list and has no active row.

        Scans all lists and all active rows: for daily use.
        """
        either = (
            "( status eq @queued or status eq @running )"  # the SDK finds parameters between blanks
        )
        statuses = {"queued": Status.QUEUED.value, "running": Status.RUNNING.value}
        unfinished = {row.job_id async for row in self._listed(either, statuses)}
        # Active rows are read last: a job accepted in between is not taken for an orphan.
        active_rows = self._table.query(rows.IS_ACTIVE, rows.ACTIVE_RANGE, ("RowKey",))
        active = {row.columns["RowKey"] async for row in active_rows}
        for job_id in sorted(unfinished - active):
            yield job_id

    def is_row_of(self, listed: ListRow, job: Job) -> bool:
        """Whether this is the job's own list row. A removed job's id can be used again."""
        row = rows.list_row(job)
        return (listed.partition, listed.key) == (row["PartitionKey"], row["RowKey"])

    async def remove_listed(self, listed: ListRow) -> None:
        await self._table.delete(listed.partition, listed.key)

    async def count_active(self, owner: Caller, most: int) -> int:
        """The number of an owner's jobs that have not ended, at most `most`; a batch counts once.

        One query of one partition per 1000 rows. Where they are `most`, rows that are ahead of
        their jobs are checked, as a job may never have followed: a point read for each of them.
        """
        values = {"partition": rows.active_owner_partition(owner), "ended": False}
        # Only the key, as the SDK decodes each value of each row (decision 0148).
        first = await self._table.query_first(_UNFINISHED, values, most, ("RowKey",))
        if len(first) < most:
            return len(first)
        count, columns = 0, ("RowKey", "since", "is_ahead")
        async for row in self._table.query(_UNFINISHED, values, columns, min(most, LARGEST_PAGE)):
            count += await self._is_unfinished(owner, row.columns)
            if count == most:
                break
        return count

    async def _is_unfinished(self, owner: Caller, active: Columns) -> bool:
        """Whether an owner's active row has a job that has not ended, by its row in the list."""
        if not active["is_ahead"]:
            return True
        key = rows.owner_list_key(active["RowKey"], active["since"])
        listed = await self._table.get(rows.owner_partition(owner), key)
        return listed is not None and not Status(listed.columns["status"]).is_end

    async def count_all_active(self) -> ActiveCounts:
        """The jobs of all owners that have not ended. One query per 1000 of them."""
        return await count_active(self._table)

    async def page(
        self, owner: Caller, size: int, cursor: str = "", only: Mapping[str, str] | None = None
    ) -> JobPage:
        """A page of an owner's jobs, newest first. One query; new jobs do not shift the page.

        `only` filters by exact column values, such as `status`.
        """
        return await self._page(rows.owner_partition(owner), size, cursor, only or {})

    async def children(self, parent_id: str, size: int, cursor: str = "") -> JobPage:
        """A page of a batch's searches in the order of the batch. One query."""
        return await self._page(rows.parent_partition(parent_id), size, cursor, {})

    async def count_by_status(self, parent_id: str) -> Counter[Status]:
        """The number of a batch's searches by status. One query per 1000 searches."""
        where, values = "PartitionKey eq @parent", {"parent": rows.parent_partition(parent_id)}
        child_rows = self._table.query(where, values, ("status",))
        return Counter([Status(row.columns["status"]) async for row in child_rows])

    async def find_active_children(self, parent_id: str) -> AsyncIterator[ActiveChild]:
        """A batch's searches that have not ended. One query per 1000 searches."""
        # The SDK finds parameters only between blanks.
        where = "PartitionKey eq @parent and ( status eq @queued or status eq @running )"
        values = {
            "parent": rows.parent_partition(parent_id),
            "queued": Status.QUEUED.value,
            "running": Status.RUNNING.value,
        }
        async for row in self._table.query(
            where, values, ("job_id", "status", "cancel_requested_at")
        ):
            job_id, status = row.columns["job_id"], row.columns["status"]
            cancel_requested = row.columns.get("cancel_requested_at") is not None
            yield ActiveChild(job_id, cancel_requested, started=status != Status.QUEUED)

    async def find_active_row_ids(self, parent_id: str) -> AsyncIterator[str]:
        """The ids of a batch's searches that have not ended, by their active rows. One query.

        An active row is written before the job's own row, so that this also finds searches whose
        list row is missing. There may be no job: its creator may have died in between.
        """
        values = {"partition": rows.active_children_partition(parent_id), "ended": False}
        async for row in self._table.query(_UNFINISHED, values, ("RowKey",)):
            yield row.columns["RowKey"]

    async def unconfirmed(self, parent_id: str, most: int) -> list[str]:
        """The ids of at most `most` searches of a batch that may have left objects on a cluster."""
        where = "PartitionKey eq @parent and left_on_cluster eq @unknown"
        values = {
            "parent": rows.parent_partition(parent_id),
            "unknown": LeftOnCluster.UNKNOWN.value,
        }
        child_rows = await self._table.query_first(where, values, most, ("job_id",))
        return [row.columns["job_id"] for row in child_rows]

    async def _page(
        self, partition: str, size: int, cursor: str, only: Mapping[str, str]
    ) -> JobPage:
        where = "PartitionKey eq @partition and RowKey gt @cursor and status ne @deleted"
        where += "".join(f" and {name} eq @{name}" for name in only)
        values = {"partition": partition, "cursor": cursor, "deleted": Status.DELETED.value}
        list_rows = await self._table.query_first(where, {**values, **only}, size + 1)
        page_rows = list_rows[:size]
        return JobPage(
            tuple(rows.job_from_row(row.columns) for row in page_rows),
            str(page_rows[-1].columns["RowKey"]) if len(list_rows) > size else None,
        )

    async def _listed(self, where: str, values: Columns) -> AsyncIterator[ListRow]:
        all_lists = "PartitionKey ge @first and PartitionKey lt @last"
        lists = {"first": rows.OWNER, "last": rows.after(rows.parent_partition(""))}
        columns = ("PartitionKey", "RowKey", "job_id")
        async for row in self._table.query(
            f"{all_lists} and {where}", {**lists, **values}, columns
        ):
            yield ListRow(*(row.columns[name] for name in columns))


def _is_alike(job: Job, before: Job) -> bool:
    """Whether the active rows of both states are alike but for the time."""
    return job.attempt == before.attempt and job.phase.is_end == before.phase.is_end


def _has_active_row(job: Job, before: Job) -> bool:
    """Whether the active row that was written for `before` serves the job, too."""
    # That of a settled job was removed; a request to delete the job makes it active again.
    is_alike = _is_alike(job, before) and not before.is_settled
    return is_alike and job.check_at == before.check_at is not None
