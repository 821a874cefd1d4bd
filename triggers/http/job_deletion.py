"""HTTP handler that deletes a job: once it is proven to have stopped, it is hidden.

The purge removes its data later.
"""

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict
from shared.jobs.deletion import delete_job as delete_ended_job
from triggers.durable_client import DurableClient, wake
from triggers.http.etag import SHORT_POLL_INTERVAL
from triggers.http.jobs import job_of_caller
from triggers.http.query_params import DashboardCoordinates, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.jobs import Deleted


@handle_errors
async def delete_job(
    services: HttpServices, req: HttpRequest, client: DurableClient
) -> HttpResponse:
    """DELETE /api/blast/jobs/{id}"""
    job = await job_of_caller(services, req.route_params["id"], await services.authenticate(req))
    parse_query(req, DashboardCoordinates)
    if await stop_and_delete(services, client, job):
        return json_response(Deleted(job_id=job.job_id, status="deleted"))
    body = Deleted(job_id=job.job_id, status="cancelling")
    headers = {"Retry-After": f"{SHORT_POLL_INTERVAL.total_seconds():.0f}"}
    return json_response(body, 202, headers)


async def stop_and_delete(services: HttpServices, client: DurableClient, job: Job) -> bool:
    """Delete a job that has ended. One that runs is cancelled, and deleted once it has stopped.

    Whether it is deleted now. Raises Conflict for a search of a batch that runs.
    """
    jobs = services.clients.jobs
    if not job.phase.is_end:
        job = await _stop(services, client, job)
    if job.phase is Phase.DELETED or (job.phase.is_end and await delete_ended_job(jobs, job)):
        return True
    if job.left_on_cluster is LeftOnCluster.UNKNOWN:
        await jobs.index.defer(await jobs.get(job.job_id), services.clients.now())
    return False


async def _stop(services: HttpServices, client: DurableClient, job: Job) -> Job:
    """Record that the job is to be cancelled and then deleted, which also holds after a crash."""
    if job.parent_job_id:
        batch = await services.clients.jobs.find(job.parent_job_id)
        if batch and not batch.phase.is_end:
            message = f"{job.job_id} belongs to the batch {batch.job_id}, which counts it"
            raise Conflict("still_running", f"{message}: delete the batch, or cancel the search")
    job = await services.clients.jobs.request_delete(job.job_id)
    if not job.phase.is_end:
        await wake(client, job, services.clients.settings.crash_retry)
    return job
