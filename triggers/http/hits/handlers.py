"""HTTP handlers of hits: statistics, pages, organisms, queries, coordinates and exports."""

from dataclasses import replace
from typing import Literal

from azure.functions import HttpRequest, HttpResponse

from shared.hits.aggregate import aggregate
from shared.hits.coordinates import coordinates
from shared.hits.coverage import coverage
from shared.hits.taxonomy import taxonomy
from triggers.http.blob_response import MAX_RESPONSE_BYTES, ServedBlob, blob_response
from triggers.http.etag import retry_after_header
from triggers.http.hits import views
from triggers.http.hits.exports import plan_export
from triggers.http.hits.opened import OpenedHits, open_hits
from triggers.http.hits.params import (
    AlignmentsQuery,
    ExportQuery,
    FilterQuery,
    QueriesQuery,
    TaxonomyQuery,
)
from triggers.http.jobs import job_of_request
from triggers.http.query_params import DashboardCoordinates, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.result_files import files_of
from triggers.http.services import HttpServices
from triggers.schemas import results


@handle_errors
async def aggregate_hits(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/aggregate"""
    job, query = await job_of_request(services, req), parse_query(req, FilterQuery)
    if not await files_of(services, job):
        headers = {} if job.child_count else retry_after_header(job)
        body = results.Aggregate(job_id=job.job_id, status="no_results", stats=None)
        return json_response(body, headers=headers)
    async with open_hits(services, job) as opened:
        found = await opened.hits.ask(aggregate, await opened.filter_of(services, query))
        stats = views.stats_view(found, opened.index, opened.unreadable)
    has_no_hits = stats.total_hits == 0 and not stats.truncated
    status: Literal["ok", "no_hits"] = "no_hits" if has_no_hits else "ok"
    return json_response(results.Aggregate(job_id=job.job_id, status=status, stats=stats))


@handle_errors
async def list_alignments(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/alignments"""
    job, query = await job_of_request(services, req), parse_query(req, AlignmentsQuery)
    async with open_hits(services, job) as opened:
        wanted = await opened.filter_of(services, query)
        page, query_ids, totals = await opened.hits.ask(views.read_page, query.to_page(wanted.file))
        names = [
            file.name
            for file in opened.index.files
            if wanted.file in (None, file.number) and not file.code
        ]
        body = results.Alignments(
            **_files_read(opened, page.matching),
            blob_name=names[0] if len(names) == 1 else "",
            blob_names=names,
            alignments=[views.hit_view(hit, opened.index) for hit in page.hits],
            returned=len(page.hits),
            page=query.page,
            page_size=query.size,
            pages=views.pages(page.matching, query.size),
            query_ids=query_ids,
            subject_aggregates=views.subject_views(totals),
        )
    return json_response(body)


@handle_errors
async def list_organisms(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/taxonomy"""
    job, query = await job_of_request(services, req), parse_query(req, TaxonomyQuery)
    async with open_hits(services, job) as opened:
        found = await opened.hits.ask(taxonomy, await opened.filter_of(services, query))
        organisms, message = views.organism_views(found)
        is_requested = query.include_lineage in ("true", "1")
        body = results.Taxonomy(
            **_files_read(opened, found.matching),
            organisms=organisms,
            lineage=results.Lineage(requested=is_requested, looked_up=0, failed=0),
            message=message,
        )
    return json_response(body)


@handle_errors
async def list_queries(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/queries"""
    job, query = await job_of_request(services, req), parse_query(req, QueriesQuery)
    async with open_hits(services, job) as opened:
        page = await opened.hits.ask(views.read_queries, query)
        body = views.queries_view(job.job_id, opened.index, page, query)
    return json_response(body)


@handle_errors
async def read_coverage(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/coverage"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
    async with open_hits(services, job) as opened:
        found = await opened.hits.ask(coverage)
        total = opened.index.queries
    body = results.QueryCoverage(
        job_id=job.job_id,
        total=total,
        without_hits=found.without_hits,
        unknown=found.unknown,
        coverage_distribution=found.distribution,
    )
    return json_response(body)


@handle_errors
async def list_coordinates(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/coordinates"""
    job, query = await job_of_request(services, req), parse_query(req, FilterQuery)
    async with open_hits(services, job) as opened:
        found = await opened.hits.ask(coordinates, await opened.filter_of(services, query))
    body = results.CoordinatesView(
        job_id=job.job_id,
        columns=found.columns,
        returned=len(found.columns["qstart"]),
        filtered_hits=found.matching,
    )
    return json_response(body)


@handle_errors
async def export_hits(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/export"""
    job, query = await job_of_request(services, req), parse_query(req, ExportQuery)
    planned = await plan_export(services, job, query)
    export, blobs = planned.export, services.clients.blobs
    version = await services.clients.hit_exports.find(export)
    served = ServedBlob(export.url, version, planned.filename, planned.mimetype)
    if version.size > MAX_RESPONSE_BYTES and _takes_gzip(req):
        copy = await blobs.version(export.compressed_url)
        if copy and copy.size <= MAX_RESPONSE_BYTES:
            served = replace(served, url=export.compressed_url, version=copy)
            return await blob_response(blobs, req, served, {"Content-Encoding": "gzip"})
    return await blob_response(blobs, req, served)


def _takes_gzip(req: HttpRequest) -> bool:
    """Whether the whole file is wanted, and may be compressed."""
    return "range" not in req.headers and "gzip" in req.headers.get("accept-encoding", "")


def _files_read(opened: OpenedHits, matching: int) -> dict[str, object]:
    return views.files_read(opened.job.job_id, opened.index, opened.unreadable, matching)
