"""Databases over HTTP: which there are."""

from azure.functions import HttpRequest, HttpResponse

from triggers.auth.callers import authenticate
from triggers.http.responses import handle_errors, json_response
from triggers.submission.database_catalog import LISTED_FOR, list_databases


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases"""
    authenticate(req)
    return json_response({"databases": list_databases().get_fresh(LISTED_FOR).value})


@handle_errors
def updates(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/check-updates"""
    authenticate(req)
    # The app asks nobody outside of the deployment, so the latest version is never known here.
    return json_response({"latest_version": None})
