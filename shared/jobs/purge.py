"""Removes all rows of a job in an order in which a crash does no harm."""

from shared.clients.tables import LARGEST_TRANSACTION, ConcurrencyConflict, Delete, Table
from shared.contracts.job import Job
from shared.jobs import rows


async def purge_rows(table: Table, job: Job) -> bool:
    """Remove the row, the events and the history of a job.

    False if the job has changed since it was read, or has messages that are not sent. Idempotent.
    """
    row = await table.get(job.job_id, rows.JOB)
    if row is None or row.columns["sequence"] != job.sequence:
        return False
    where = "PartitionKey eq @job and RowKey ne @row"
    values = {"job": job.job_id, "row": rows.JOB}
    keys = [each.columns["RowKey"] async for each in table.query(where, values, ("RowKey",))]
    if any(key.startswith("outbox-") for key in keys):
        return False
    try:
        # Delete the newest events first, so that a crash leaves no gap in the history, and the
        # job's row last: as long as it is there, its id is taken.
        while len(keys) >= LARGEST_TRANSACTION:
            newest, keys = keys[-LARGEST_TRANSACTION:], keys[:-LARGEST_TRANSACTION]
            await table.commit([Delete(job.job_id, key) for key in newest])
        last = [Delete(job.job_id, key) for key in keys]
        await table.commit([Delete(job.job_id, rows.JOB, row.etag), *last])
    except ConcurrencyConflict:
        return False
    return True
