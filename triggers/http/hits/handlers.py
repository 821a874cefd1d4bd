"""HTTP handlers of hits: statistics, the first hits of a file, and the export of all hits."""

import time
from itertools import chain
from typing import Literal

from azure.functions import HttpRequest, HttpResponse

from shared.blast.result_files import outfmt_of
from shared.contracts.job import Job
from shared.errors import NotFound
from shared.hits import refuse_unreadable
from shared.util.threads import in_thread
from triggers.http.etag import retry_after_header
from triggers.http.hits import export as exports
from triggers.http.hits.aggregate import Aggregation
from triggers.http.hits.page import AlignmentsPage
from triggers.http.jobs import job_of_request
from triggers.http.query_params import AlignmentsQuery, ExportQuery, parse_query
from triggers.http.responses import HEADERS, handle_errors, json_response
from triggers.http.result_files import file_of, files_of, hits_of, results_retry_after
from triggers.http.services import HttpServices
from triggers.schemas.results import Aggregate


@handle_errors
async def aggregate_hits(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/aggregate"""
    job = await job_of_request(services, req)
    names = [file.name for file in await files_of(services, job)]
    if not names:
        headers = {} if job.child_count else retry_after_header(job)
        body = Aggregate(job_id=job.job_id, status="no_results", stats=None)
        return json_response(body, headers=headers)
    refuse_unreadable(outfmt_of(job.search))
    aggregation = Aggregation(services.clients.blobs, time.monotonic)
    stats = await aggregation.stats(
        job.results_prefix, names, lambda name: hits_of(services.clients.blobs, job, name)
    )
    has_no_hits = stats.total_hits == 0 and not stats.truncated
    status: Literal["ok", "no_hits"] = "no_hits" if has_no_hits else "ok"
    return json_response(Aggregate(job_id=job.job_id, status=status, stats=stats))


@handle_errors
async def list_alignments(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/alignments"""
    job, query = await job_of_request(services, req), parse_query(req, AlignmentsQuery)
    name_or_id = query.blob_name or next(
        (file.name for file in await files_of(services, job)), None
    )
    if name_or_id is None:
        raise _no_results(job)
    name = (await file_of(services, job, name_or_id)).name
    refuse_unreadable(outfmt_of(job.search))
    page = AlignmentsPage(query.max_alignments, query.query_id)
    await in_thread(page.fill, hits_of(services.clients.blobs, job, name))
    return json_response(page.to_view(job.job_id, name))


@handle_errors
async def export_hits(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/export"""
    job, file_format = (
        await job_of_request(services, req),
        exports.FORMATS[parse_query(req, ExportQuery).format],
    )
    names = [file.name for file in await files_of(services, job)]
    if not names:
        raise _no_results(job)
    refuse_unreadable(outfmt_of(job.search))
    hits = chain.from_iterable([hits_of(services.clients.blobs, job, name) for name in names])
    file = await in_thread(exports.export, file_format, job.job_id, hits)
    return HttpResponse(
        file.data,
        headers=HEADERS | file.headers(job.job_id),
        mimetype=file_format.mimetype,
        charset="utf-8",
    )


def _no_results(job: Job) -> NotFound:
    if job.child_count:
        message = f"{job.job_id} is a batch: read the results of its searches"
    else:
        message = f"{job.job_id} has no results, its status is {job.phase.status}"
    return NotFound("no_results", message, results_retry_after(job))
