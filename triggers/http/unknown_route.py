"""Addresses that the API does not have: refused in the form of every other refusal."""

from azure.functions import HttpRequest, HttpResponse

from shared.errors import NotFound
from triggers.auth.callers import authenticate
from triggers.http.responses import handle_errors

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LONGEST_SHOWN = 200
"""Characters of a path that are repeated."""


@handle_errors
def refuse(req: HttpRequest) -> HttpResponse:
    """Any method and path that no other function answers.

    The caller is authenticated and counted, as for every route that is not public: a stranger
    learns nothing, and guessing addresses uses up the caller's rate.
    """
    authenticate(req)
    path = req.route_params.get("rest") or ""
    shown = "".join(c for c in path[:LONGEST_SHOWN] if c.isprintable())
    raise NotFound("unknown_route", f"the API has no {req.method} /api/{shown}: see /api/docs")
