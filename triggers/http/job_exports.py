"""HTTP handlers of the uses of a search elsewhere: a citation, and a step of a pipeline."""

from azure.functions import HttpRequest, HttpResponse

from shared.errors import NotFound
from triggers.http.jobs import job_of_request
from triggers.http.query_params import CitationQuery, PipelineQuery, parse_query
from triggers.http.responses import HEADERS, handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.submission.payload import payload
from triggers.views.citation import cite
from triggers.views.pipelines import FILE_NAMES, render_pipeline


@handle_errors
async def read_citation(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/citation"""
    job, query = await job_of_request(services, req), parse_query(req, CitationQuery)
    return json_response(cite(job, query.format))


@handle_errors
async def export_pipeline(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/export"""
    job, query = await job_of_request(services, req), parse_query(req, PipelineQuery)
    if job.child_count:
        raise NotFound("not_found", f"{job.job_id} is a batch: export one of its searches")
    name = FILE_NAMES[query.format]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    text = render_pipeline(job.job_id, payload(job.search), query.format)
    return HttpResponse(text, headers=HEADERS | headers, mimetype="text/plain", charset="utf-8")
