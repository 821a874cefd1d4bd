"""The queues for the submit slot of each cluster: one per owner, served round-robin."""

from dataclasses import dataclass

from shared.clients.tables import Columns, Table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.jobs import rows


@dataclass(frozen=True)
class QueueEntry:
    """A queued job, and the key of its row."""

    partition: str
    key: str
    job_id: str


class SubmitQueueRows:
    """The rows of queued jobs. Every method raises Unavailable if storage does not answer.

    They are written after the job's own row, so after a crash a row can be missing or left over.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    async def sync(self, job: Job, before: Job | None) -> None:
        """Write the row of a job that waits, or delete the row of one that waited `before`."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            await self._table.upsert(rows.submit_queue_row(job))
        elif before:
            await self.remove(before)

    async def remove(self, job: Job) -> None:
        """Delete the job's row if the job waits."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            await self.remove_entry(_entry(rows.submit_queue_row(job)))

    async def remove_entry(self, entry: QueueEntry) -> None:
        await self._table.delete(entry.partition, entry.key)

    async def first_ahead(self, job: Job) -> QueueEntry | None:
        """The first entry of the same owner, if it precedes the job. One query."""
        own = rows.submit_queue_row(job)
        where = "PartitionKey eq @queue and RowKey lt @key"
        return await self._first(where, queue=own["PartitionKey"], key=own["RowKey"])

    async def next_owner_first(self, job: Job) -> QueueEntry | None:
        """The first entry of the next owner after the job's. One query or two.

        Owners are ordered by partition key; after the last comes the first, up to the job's own.
        """
        own, cluster = rows.submit_queue_row(job)["PartitionKey"], rows.submit_queue_prefix(job)
        values = {"own": own, "cluster": cluster, "end": rows.after(cluster)}
        return await self._first(
            "PartitionKey gt @own and PartitionKey lt @end", **values
        ) or await self._first("PartitionKey ge @cluster and PartitionKey le @own", **values)

    async def _first(self, where: str, **values: str) -> QueueEntry | None:
        first_rows = await self._table.query_first(where, values, 1)
        return _entry(first_rows[0].columns) if first_rows else None


def _entry(row: Columns) -> QueueEntry:
    return QueueEntry(row["PartitionKey"], row["RowKey"], row["job_id"])
