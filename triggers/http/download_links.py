"""HTTP handlers of links to result files, which a browser opens without a token."""

from urllib.parse import urlsplit

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.states import Phase
from shared.errors import NotFound
from triggers.auth.links import LIFETIME, LinkTarget, sign, verify
from triggers.http.jobs import job_of_request
from triggers.http.query_params import LinkQuery, TicketQuery, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.result_files import file_of
from triggers.http.results import send_file
from triggers.http.services import HttpServices
from triggers.schemas.results import DownloadLink


@handle_errors
async def create_download_link(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/results/download"""
    job, query = await job_of_request(services, req), parse_query(req, LinkQuery)
    file = await file_of(services, job, query.blob_name)
    now = services.clients.now()
    target = LinkTarget(job.owner.id, job.job_id, file.file_id)
    ticket = sign(target, await services.link_key(), now)
    address = urlsplit(req.url)
    return json_response(
        DownloadLink(
            download_url=f"{address.scheme}://{address.netloc}/api/blast/downloads?ticket={ticket}",
            name=file.name,
            expires_at=now + LIFETIME,
        )
    )


@handle_errors
async def open_download_link(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/downloads"""
    query = parse_query(req, TicketQuery)
    target = verify(query.ticket, await services.link_key(), services.clients.now())
    job = await services.clients.jobs.find(target.job_id)
    if job is None or job.owner.id != target.owner_id or job.phase is Phase.DELETED:
        raise NotFound("not_found", f"there is no job {target.job_id}")
    return await send_file(services, req, job, target.file_id)
