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

    The batch goes last, so that it can be repeated after a crash. What may still run is marked, and
    deleted by reconcile once it is proven that nothing of it is left.
    Raises Conflict if the job's batch is active: the batch still counts it.
    """
    batch = await jobs.find(job.parent_job_id) if job.parent_job_id else None
    if batch and not batch.phase.is_end:
        message = f"the batch {batch.job_id} of {job.job_id} has not ended: cancel the batch first"
        raise Conflict("still_running", message)
    if job.child_count and not await _delete_searches(jobs, job):
        await jobs.request_delete(job.job_id)
        return False
    return await _delete(jobs, job)


async def _delete_searches(jobs: JobStateRepository, batch: Job) -> bool:
    """Delete the searches of a batch. Those whose clean-up was given up do not hold it up."""
    cursor: str | None = ""
    are_deleted = True
    while cursor is not None:
        page = await jobs.index.children(batch.job_id, PAGE_SIZE, cursor)
        deleted = await parallel_map(partial(_delete, jobs), page.jobs, PARALLELISM)
        are_deleted &= all(
            is_deleted or child.cleanup_abandoned_at
            for child, is_deleted in zip(page.jobs, deleted, strict=True)
        )
        cursor = page.cursor
    return are_deleted


async def _delete(jobs: JobStateRepository, job: Job) -> bool:
    if job.left_on_cluster is LeftOnCluster.UNKNOWN:
        job = await jobs.request_delete(job.job_id)
        if job.left_on_cluster is LeftOnCluster.UNKNOWN:
            return False
    with suppress(NotFound):  # the purge has removed it already
        await jobs.delete(job.job_id)
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
