"""HTTP handlers that list databases and check for newer ones."""

from azure.functions import HttpRequest, HttpResponse

from triggers.auth.callers import authenticate
from triggers.http.responses import handle_errors, json_response
from triggers.schemas.preflight import Databases, Updates
from triggers.submission.database_catalog import LIST_TTL, database_list


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases"""
    authenticate(req)
    return json_response(Databases(databases=database_list().get_fresh(LIST_TTL).value))


@handle_errors
def updates(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/check-updates"""
    authenticate(req)
    # Always unknown: the app calls nothing outside of the deployment.
    return json_response(Updates(latest_version=None))
