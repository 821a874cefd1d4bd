"""HTTP handlers that list a job's result files and download one of them."""

from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

from shared.clients.blobs import Version
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotFound, OutOfRange, TooLarge
from triggers.http.etag import retry_after_header
from triggers.http.jobs import job_of_request
from triggers.http.query_params import DashboardCoordinates, parse_query
from triggers.http.range_header import ByteRange, parse_range
from triggers.http.responses import HEADERS, error_response, handle_errors, json_response
from triggers.http.result_files import file_of, files_of
from triggers.http.services import HttpServices
from triggers.schemas.results import Manifest, ManifestStatus, Results

MAX_RESPONSE_BYTES = 100 * 1024 * 1024
"""azure-functions holds a whole response in memory."""


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
        message = f"the file {name} was removed from Blob: run the search again"
        raise NotFound("results_gone", message)
    try:
        byte_range = _requested_range(req, version)
    except OutOfRange as error:
        response = error_response(error)
        response.headers["Content-Range"] = f"bytes */{version.size}"
        return response
    sent = byte_range or ByteRange(0, version.size)
    data = await services.clients.blobs.read_range(url, version, sent.start, sent.end)
    headers = _headers(name, version, byte_range)
    status = 206 if byte_range else 200
    return HttpResponse(data, headers=headers, mimetype="application/gzip", status_code=status)


def _requested_range(req: HttpRequest, version: Version) -> ByteRange | None:
    """Return the requested range, cut to MAX_RESPONSE_BYTES; None for the whole file.

    Raises OutOfRange, and TooLarge if the whole file exceeds the limit.
    """
    is_unchanged = req.headers.get("if-range", version.etag) == version.etag
    byte_range = parse_range(req.headers.get("range") if is_unchanged else None, version.size)
    if byte_range is not None:
        end = min(byte_range.end, byte_range.start + MAX_RESPONSE_BYTES)
        return ByteRange(byte_range.start, end)
    if version.size > MAX_RESPONSE_BYTES:
        raise TooLarge(
            "file_too_large",
            f"the file has {version.size:,} bytes: request ranges of at most"
            f" {MAX_RESPONSE_BYTES:,} bytes, such as Range: bytes=0-{MAX_RESPONSE_BYTES - 1}",
        )
    return None


def _headers(name: str, version: Version, byte_range: ByteRange | None) -> dict[str, str]:
    filename = quote(name.replace("/", "_"))
    headers = HEADERS | {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Accept-Ranges": "bytes",
        "ETag": version.etag,
    }
    if byte_range:
        headers["Content-Range"] = f"bytes {byte_range.start}-{byte_range.end - 1}/{version.size}"
    return headers
