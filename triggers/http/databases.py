"""HTTP handlers that list databases and check for newer ones."""

from azure.functions import HttpRequest, HttpResponse

from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.preflight import Databases, Updates
from triggers.submission.database_catalog import LIST_TTL


@handle_errors
async def list_databases(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases"""
    await services.authenticate(req)
    return json_response(Databases(databases=(await services.databases.get_fresh(LIST_TTL)).value))


@handle_errors
async def check_database_updates(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/check-updates"""
    await services.authenticate(req)
    # Always unknown: the app calls nothing outside of the deployment.
    return json_response(Updates(latest_version=None))
