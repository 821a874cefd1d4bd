"""HTTP handlers that list databases and check for newer ones."""

from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared.blast.databases import DatabaseType, is_compatible
from shared.contracts.job import Job
from shared.contracts.storage_urls import DATABASES
from shared.errors import Unavailable
from triggers.http.query_params import DashboardCoordinates, DatabasesQuery, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.common import format_timestamp
from triggers.schemas.job_parts import DatabaseMetadata
from triggers.schemas.preflight import Databases, DatabaseView, Updates
from triggers.submission.database_catalog import LIST_TTL


@handle_errors
async def list_databases(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases"""
    await services.authenticate(req)
    query = parse_query(req, DatabasesQuery)
    age = timedelta(0) if query.fresh == "1" else LIST_TTL
    return json_response(Databases(databases=(await services.databases.get_fresh(age)).value))


@handle_errors
async def check_database_updates(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/check-updates"""
    await services.authenticate(req)
    parse_query(req, DashboardCoordinates)
    # Always unknown: the app calls nothing outside of the deployment.
    return json_response(Updates(latest_version=None))


async def database_of(services: HttpServices, job: Job) -> DatabaseMetadata | None:
    """Return what is known of a job's database, from the cached list; None if it is not there."""
    try:
        listed = (await services.databases.get_fresh(LIST_TTL)).value
    except Unavailable:  # the job can be read all the same
        return None
    url = services.clients.account.url
    for view in listed:
        if url(DATABASES, f"{view.prefix}/{view.name}") == job.search.database_url and (
            is_compatible(job.search.program, DatabaseType(view.type))
        ):
            return _metadata(view, job.search.database)
    return None


def _metadata(view: DatabaseView, database: str) -> DatabaseMetadata:
    return DatabaseMetadata(
        name=view.name,
        database=database,
        title=view.title,
        molecule_type="mixed DNA" if view.type == "nucl" else "protein",
        update_date=view.updated_at and format_timestamp(view.updated_at),
        number_of_sequences=view.sequences,
        number_of_letters=view.letters,
    )
