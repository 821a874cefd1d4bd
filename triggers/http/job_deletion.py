"""HTTP handler that deletes a job: it is hidden at once, and the purge removes its data later."""

from contextlib import suppress

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.errors import Conflict, NotFound
from shared.jobs import JobStateRepository
from triggers.http.jobs import job_of_caller
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.jobs import Deleted

PAGE_SIZE = 200
"""Searches of a batch that are listed at a time."""


@handle_errors
async def delete_job(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """DELETE /api/blast/jobs/{id}"""
    job = await job_of_caller(services, req.route_params["id"], await services.authenticate(req))
    await soft_delete(services.clients.jobs, job)
    return json_response(Deleted(job_id=job.job_id, status="deleted"))


async def soft_delete(jobs: JobStateRepository, job: Job) -> None:
    """Set a job, and the searches of a batch, to the phase `deleted`. Idempotent.

    The batch goes last, so that the delete can be repeated after a crash.
    Raises Conflict if the job or its batch is active.
    """
    batch = await jobs.find(job.parent_job_id) if job.parent_job_id else None
    if batch and not batch.phase.is_end:
        message = f"the batch {batch.job_id} of {job.job_id} has not ended: cancel the batch first"
        raise Conflict("still_running", message)
    cursor: str | None = "" if job.child_count and job.phase.is_end else None
    while cursor is not None:
        page = await jobs.index.children(job.job_id, PAGE_SIZE, cursor)
        for child in page.jobs:
            with suppress(NotFound):  # the purge has removed it already
                await jobs.delete(child.job_id)
        cursor = page.cursor
    await jobs.delete(job.job_id)
