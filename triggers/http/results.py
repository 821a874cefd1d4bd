"""Results over HTTP: what a search left, and one file of it."""

from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.clients.blobs import Version
from shared.contracts.states import Phase
from shared.errors import NotFound, OutOfRange, TooLarge
from triggers.http.etag import retry_after_header
from triggers.http.jobs import own_job
from triggers.http.range_header import ByteRange, parse_range
from triggers.http.responses import HEADERS, error_response, handle_errors, json_response
from triggers.http.result_files import file_of, files_of

LARGEST_PIECE = 100 * 1024 * 1024
"""Bytes of a file in one answer; azure-functions hands an answer over in one piece of memory."""


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results"""
    job = own_job(req)
    files = files_of(job)
    if job.phase is Phase.COMPLETED and not job.child_count:
        status = "available"
    else:
        status = "no_result_files" if job.phase.is_end else "pending"
    manifest = {
        "schema_version": 1,
        "job_id": job.job_id,
        "status": status,
        "file_count": len(files),
        "files": files,
    }
    shown = {"job_id": job.job_id, "files": files, "results": files, "manifest": manifest}
    if job.child_count:  # a batch has no files: each of its searches has its own
        shown["children"] = f"/api/blast/jobs/{job.job_id}/children"
    return json_response(shown, headers=retry_after_header(job))


@handle_errors
def file(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/{file_id}"""
    job = own_job(req)
    name = file_of(job, req.route_params["file_id"])["name"]
    url = job.results_prefix + name
    version = dependencies.blobs().version(url)
    if version is None:
        raise NotFound("results_gone", f"the file {name} is gone")
    try:
        span = _span(req, version)
    except OutOfRange as error:
        refused = error_response(error)
        refused.headers["Content-Range"] = f"bytes */{version.size}"
        return refused
    whole = span or ByteRange(0, version.size)
    data = dependencies.blobs().read_range(url, version, whole.start, whole.end)
    headers = _headers(name, version, span)
    status = 206 if span else 200
    return HttpResponse(data, headers=headers, mimetype="application/gzip", status_code=status)


def _span(req: HttpRequest, version: Version) -> ByteRange | None:
    """What is sent: the asked part up to LARGEST_PIECE, or None for the whole.

    Raises OutOfRange, and TooLarge for a whole that is larger.
    """
    unchanged = req.headers.get("if-range", version.etag) == version.etag
    span = parse_range(req.headers.get("range") if unchanged else None, version.size)
    if span is not None:
        return ByteRange(span.start, min(span.end, span.start + LARGEST_PIECE))
    if version.size > LARGEST_PIECE:
        raise TooLarge(
            "file_too_large",
            f"the file has {version.size:,} bytes: ask for it in parts of at most"
            f" {LARGEST_PIECE:,} bytes, such as Range: bytes=0-{LARGEST_PIECE - 1}",
        )
    return None


def _headers(name: str, version: Version, span: ByteRange | None) -> dict[str, str]:
    plain = quote(name.replace("/", "_"))
    part = f"bytes {span.start}-{span.end - 1}/{version.size}" if span else None
    return (
        HEADERS
        | {"Content-Disposition": f'attachment; filename="{plain}"'}
        | {"Accept-Ranges": "bytes", "ETag": version.etag}
        | ({"Content-Range": part} if part else {})
    )
