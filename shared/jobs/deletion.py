"""Deletes jobs and batches: each job only once it has ended, and nothing of it is left."""

from contextlib import suppress
from functools import partial

from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster
from shared.errors import Conflict, NotFound
from shared.jobs.repository import JobStateRepository
from shared.util.parallel import parallel_map

PAGE_SIZE, PARALLELISM = 200, 8
"""Searches of a batch that are listed, and deleted, at a time."""


async def delete_job(jobs: JobStateRepository, job: Job) -> bool:
    """Delete an ended job, and the searches of a batch; whether all of it is deleted. Idempotent.

    That a batch is to be deleted is written first: from then on none of its searches can be
    retried, and reconcile goes on after a crash. The batch itself goes last. What may still run is
    marked, and deleted by reconcile once it is proven that nothing of it is left.
    Raises Conflict if the job's batch is active, which still counts it, if the job was retried, and
    if a search of a batch was retried, and runs, before the batch was to be deleted.
    """
    batch = await jobs.find(job.parent_job_id) if job.parent_job_id else None
    if batch and not batch.phase.is_end:
        message = f"the batch {batch.job_id} of {job.job_id} has not ended: cancel the batch first"
        raise Conflict("still_running", message)
    if job.child_count:
        if job.delete_requested_at is None:
            await _require_ended(jobs, job)
            job = await jobs.request_delete(job.job_id)
        if not await _delete_searches(jobs, job):
            return False
    return await _delete(jobs, job)


async def _require_ended(jobs: JobStateRepository, batch: Job) -> None:
    """Raise Conflict, before anything is deleted, if a search of an ended batch was retried."""
    async for search in jobs.index.find_active_children(batch.job_id):
        message = f"{search.job_id} of the batch {batch.job_id} was retried and has not ended"
        raise Conflict("still_running", f"{message}: cancel it first")


async def _delete_searches(jobs: JobStateRepository, batch: Job) -> bool:
    """Delete the searches of a batch; whether all are deleted.

    A search is found by its batch, so one that may still run keeps the batch from being deleted.
    """
    cursor: str | None = ""
    are_deleted = True
    while cursor is not None:
        page = await jobs.index.children(batch.job_id, PAGE_SIZE, cursor)
        deleted = await parallel_map(partial(_delete_search, jobs), page.jobs, PARALLELISM)
        are_deleted &= all(deleted)
        cursor = page.cursor
    return are_deleted


async def _delete_search(jobs: JobStateRepository, search: Job) -> bool:
    """Delete a search of a batch that is to be deleted; whether it is.

    One that was retried just before that is cancelled, and deleted once it has ended: its batch
    would be deleted then, too.
    """
    try:
        return await _delete(jobs, search)
    except Conflict:
        await jobs.request_delete(search.job_id)
        return False


async def _delete(jobs: JobStateRepository, job: Job) -> bool:
    """Delete this attempt of an ended job. Raises Conflict if it was retried after it was read."""
    if job.left_on_cluster is LeftOnCluster.UNKNOWN:
        job = await jobs.request_delete(job.job_id, job.attempt)
        if job.left_on_cluster is LeftOnCluster.UNKNOWN:
            if job.cleanup_abandoned_at:  # its clean-up is tried once more
                await jobs.index.defer(job, job.updated_at)
            return False
    with suppress(NotFound):  # the purge has removed it already
        await jobs.delete(job.job_id, job.attempt)
    return True


async def delete_if_requested(jobs: JobStateRepository, job: Job) -> None:
    """Delete a job that has just ended, if its owner wants that; reconcile deletes a batch.

    Raises Unavailable.
    """
    if not job.is_to_be_deleted:
        return
    if job.child_count:
        await jobs.index.defer(job, job.updated_at)
        return
    with suppress(Conflict):  # it is being retried meanwhile, which withdraws the deletion
        await delete_job(jobs, job)
