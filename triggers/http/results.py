"""Results over HTTP: what a search left, and one file of it."""

from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.clients.blobs import Version
from shared.contracts.states import Phase
from shared.errors import NotFound, OutOfRange, TooLarge
from triggers.http.etag import pause
from triggers.http.jobs import own_job
from triggers.http.range_header import Span, asked_span
from triggers.http.responses import HEADERS, answer, answered, refusal
from triggers.http.result_files import file_of, files_of

LARGEST_PIECE = 100 * 1024 * 1024
"""Bytes of a file in one answer; azure-functions hands an answer over in one piece of memory."""


@answered
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results"""
    job = own_job(req)
    files = files_of(job)
    if job.phase is Phase.COMPLETED and not job.children:
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
    if job.children:  # a batch has no files: each of its searches has its own
        shown["children"] = f"/api/blast/jobs/{job.job_id}/children"
    return answer(shown, headers=pause(job))


@answered
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
        refused = refusal(error)
        refused.headers["Content-Range"] = f"bytes */{version.size}"
        return refused
    whole = span or Span(0, version.size)
    data = dependencies.blobs().part(url, version, whole.start, whole.end)
    headers = _headers(name, version, span)
    status = 206 if span else 200
    return HttpResponse(data, headers=headers, mimetype="application/gzip", status_code=status)


def _span(req: HttpRequest, version: Version) -> Span | None:
    """What is sent: the asked part up to LARGEST_PIECE, or None for the whole.

    Raises OutOfRange, and TooLarge for a whole that is larger.
    """
    unchanged = req.headers.get("if-range", version.etag) == version.etag
    span = asked_span(req.headers.get("range") if unchanged else None, version.size)
    if span is not None:
        return Span(span.start, min(span.end, span.start + LARGEST_PIECE))
    if version.size > LARGEST_PIECE:
        raise TooLarge(
            "file_too_large",
            f"the file has {version.size:,} bytes: ask for it in parts of at most"
            f" {LARGEST_PIECE:,} bytes, such as Range: bytes=0-{LARGEST_PIECE - 1}",
        )
    return None


def _headers(name: str, version: Version, span: Span | None) -> dict[str, str]:
    plain = quote(name.replace("/", "_"))
    part = f"bytes {span.start}-{span.end - 1}/{version.size}" if span else None
    return (
        HEADERS
        | {"Content-Disposition": f'attachment; filename="{plain}"'}
        | {"Accept-Ranges": "bytes", "ETag": version.etag}
        | ({"Content-Range": part} if part else {})
    )
