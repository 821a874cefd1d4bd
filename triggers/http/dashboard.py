"""HTTP handlers of what only the dashboard asks for: permissions, capacity, taxa, and tickets."""

from azure.functions import HttpRequest, HttpResponse

from triggers.http.query_params import (
    AccessionQuery,
    CapacityQuery,
    DashboardCoordinates,
    PermissionsQuery,
    TaxonQuery,
    parse_query,
)
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas import dashboard
from triggers.views.batch_view import STATUS
from triggers.views.failures import shown_phase

SEARCHED_JOBS = 500
"""The latest searches of a caller among which those of an accession are looked for: one query."""
_NO_NAMES = "names of taxa are not known here: enter a taxid"


@handle_errors
async def read_permissions(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/me/permissions"""
    await services.authenticate(req)
    parse_query(req, PermissionsQuery)
    return json_response(
        dashboard.Permissions(
            can_read=True,
            can_submit_blast=True,
            can_write=False,
            can_start_stop=False,
            can_delete=False,
            can_build_acr=False,
            can_grant_rbac=False,
            degraded=False,
            matched_roles=[],
            matched_role_names=[],
            reason="this app runs searches; it changes no cluster, registry, storage or role",
        )
    )


@handle_errors
async def read_capacity(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/capacity"""
    await services.authenticate(req)
    parse_query(req, CapacityQuery)
    return json_response(dashboard.Capacity(data=dashboard.CapacityGate(enabled=False)))


@handle_errors
async def create_jobs_events_ticket(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/monitor/jobs-events/ticket"""
    await services.authenticate(req)
    parse_query(req, DashboardCoordinates)
    return json_response(dashboard.JobsEventsTicket(enabled=False))


@handle_errors
async def search_taxa(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/taxonomy/search"""
    await services.authenticate(req)
    query = parse_query(req, TaxonQuery)
    results = []
    if query.taxid:
        taxon = dashboard.Taxon(
            taxid=query.taxid,
            scientific_name=f"taxid {query.taxid}",
            rank="",
            lineage="",
            matched_name=query.q,
            synonyms=[],
        )
        results.append(taxon)
    body = dashboard.Taxa(
        query=query.q,
        count=len(results),
        source="none",
        cached=False,
        results=results,
        message=_NO_NAMES,
    )
    return json_response(body)


@handle_errors
async def list_jobs_of_accession(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/by-accession/{accession}"""
    caller, query = await services.authenticate(req), parse_query(req, AccessionQuery)
    accession = req.route_params["accession"]
    base = accession.partition(".")[0]
    page = await services.clients.jobs.index.page(caller, SEARCHED_JOBS)
    jobs = [
        dashboard.JobOfAccession(
            job_id=job.job_id,
            status=STATUS[job.phase.status],
            phase=shown_phase(job.phase),
            database=job.search.database,
            created_at=job.created_at,
            query_accession=name,
            seq_start=None,
            seq_stop=None,
            detail_url=f"/blast/jobs/{job.job_id}",
        )
        for job in page.jobs
        if (name := job.search.query_label.partition(" ")[0])
        and (name == accession or (query.match == "base" and name.partition(".")[0] == base))
    ]
    body = dashboard.JobsOfAccession(
        accession=accession,
        accession_base=base,
        match=query.match,
        count=len(jobs[: query.limit]),
        jobs=jobs[: query.limit],
        degraded=False,
        reason=None,
    )
    return json_response(body)
