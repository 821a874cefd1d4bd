"""Deletion over HTTP: a job that has ended is shown no more, and is removed with what is old."""

from contextlib import suppress

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.job import Job
from shared.contracts.states import Status
from shared.errors import Conflict, NotFound
from shared.jobs import JobStateRepository
from triggers.auth.callers import authenticate
from triggers.http.jobs import owned
from triggers.http.responses import handle_errors, json_response

CHILDREN = 200
"""Searches of a batch that are listed at a time."""


@handle_errors
def delete(req: HttpRequest) -> HttpResponse:
    """DELETE /api/blast/jobs/{id}"""
    job = owned(req.route_params["id"], authenticate(req))
    soft_delete(dependencies.jobs(), job)
    return json_response({"job_id": job.job_id, "status": Status.DELETED.value})


def soft_delete(jobs: JobStateRepository, job: Job) -> None:
    """Put a tombstone on a job; on a batch last, so that what a crash leaves is deleted again.

    Raises Conflict where it has not ended, or is part of a batch that has not.
    """
    batch = jobs.find(job.parent_job_id) if job.parent_job_id else None
    if batch and not batch.phase.is_end:
        raise Conflict("still_running", f"its batch {batch.job_id} has not ended: cancel that")
    cursor: str | None = "" if job.child_count and job.phase.is_end else None
    while cursor is not None:
        page = jobs.index.children(job.job_id, CHILDREN, cursor)
        for child in page.jobs:
            with suppress(NotFound):  # it was old, and is removed already
                jobs.delete(child.job_id)
        cursor = page.cursor
    jobs.delete(job.job_id)
