"""Databases over HTTP: which there are."""

from azure.functions import HttpRequest, HttpResponse

from triggers.auth.callers import caller
from triggers.http.responses import answer, answered
from triggers.submission.database_catalog import LISTED_FOR, shared_list


@answered
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases"""
    caller(req)
    return answer({"databases": shared_list().within(LISTED_FOR).value})


@answered
def updates(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/databases/check-updates"""
    caller(req)
    # The app asks nobody outside of the deployment, so the latest version is never known here.
    return answer({"latest_version": None})
