"""Hits over HTTP: what they come to, some of them to look at, all of them to take away."""

import time
from itertools import chain

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.blast.result_files import outfmt_of
from shared.contracts.job import Job
from shared.errors import NotFound
from shared.hits import refuse_unreadable
from triggers.http.etag import retry_after_header
from triggers.http.hits import export as exports
from triggers.http.hits.aggregate import Aggregation
from triggers.http.hits.page import AlignmentsPage
from triggers.http.jobs import own_job
from triggers.http.query_params import AlignmentsQuery, ExportQuery, parse_query
from triggers.http.responses import HEADERS, handle_errors, json_response
from triggers.http.result_files import file_of, files_of, hits_of, wait_for_files


@handle_errors
def aggregate(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/aggregate"""
    job = own_job(req)
    names = [file["name"] for file in files_of(job)]
    if not names:
        headers = {} if job.child_count else retry_after_header(job)
        nothing = {"job_id": job.job_id, "status": "no_results", "stats": None}
        return json_response(nothing, headers=headers)
    refuse_unreadable(outfmt_of(job.search))
    aggregation = Aggregation(dependencies.blobs(), time.monotonic)
    stats = aggregation.stats(job.results_prefix, names, lambda name: hits_of(job, name))
    none = stats["total_hits"] == 0 and not stats["truncated"]
    return json_response(
        {"job_id": job.job_id, "status": "no_hits" if none else "ok", "stats": stats}
    )


@handle_errors
def alignments(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/alignments"""
    job, sought = own_job(req), parse_query(req, AlignmentsQuery)
    wanted = sought.blob_name or next((f["name"] for f in files_of(job)), None)
    if wanted is None:
        raise _nothing(job)
    name = file_of(job, wanted)["name"]
    refuse_unreadable(outfmt_of(job.search))
    page = AlignmentsPage(sought.max_alignments, sought.query_id)
    page.fill(hits_of(job, name))
    return json_response({"job_id": job.job_id, "blob_name": name, **page.to_json()})


@handle_errors
def export(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/export"""
    job, kind = own_job(req), exports.FORMATS[parse_query(req, ExportQuery).format]
    names = [file["name"] for file in files_of(job)]
    if not names:
        raise _nothing(job)
    refuse_unreadable(outfmt_of(job.search))
    made = exports.export(
        kind, job.job_id, chain.from_iterable(hits_of(job, name) for name in names)
    )
    return HttpResponse(
        made.data,
        headers=HEADERS | made.headers(job.job_id),
        mimetype=kind.mimetype,
        charset="utf-8",
    )


def _nothing(job: Job) -> NotFound:
    return NotFound("no_results", f"{job.job_id} has no results", wait_for_files(job))
