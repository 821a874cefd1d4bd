"""HTTP handlers that list a job's result files and download one of them."""

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import Phase
from triggers.http.blob_response import ServedBlob, blob_response
from triggers.http.etag import retry_after_header
from triggers.http.jobs import job_of_request
from triggers.http.query_params import DashboardCoordinates, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.result_files import file_of, files_of, results_gone
from triggers.http.services import HttpServices
from triggers.schemas.results import Manifest, ManifestStatus, Results


@handle_errors
async def list_results(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
    files = await files_of(services, job)
    status: ManifestStatus
    if job.phase is Phase.COMPLETED and not job.child_count:
        status = "available"
    else:
        status = "no_result_files" if job.phase.is_end else "pending"
    manifest = Manifest(
        schema_version=1,
        job_id=job.job_id,
        status=status,
        source="elastic-blast",
        file_count=len(files),
        parseable_count=sum(file.parseable for file in files),
        files=files,
    )
    children = f"/api/blast/jobs/{job.job_id}/children" if job.child_count else None
    body = Results(
        job_id=job.job_id, files=files, results=files, manifest=manifest, children=children
    )
    return json_response(body, headers=retry_after_header(job))


@handle_errors
async def read_result(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/{file_id}"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
    return await send_file(services, req, job, req.route_params["file_id"])


async def send_file(
    services: HttpServices, req: HttpRequest, job: Job, name_or_id: str
) -> HttpResponse:
    """Return a result file of a job, or the requested range of it. Raises NotFound and TooLarge."""
    name = (await file_of(services, job, name_or_id)).name
    url = job.results_prefix + name
    version = await services.clients.blobs.version(url)
    if version is None:
        raise results_gone(name)
    served = ServedBlob(url, version, name, "application/gzip")
    return await blob_response(services.clients.blobs, req, served)
