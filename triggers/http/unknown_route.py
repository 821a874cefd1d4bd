"""HTTP handler of unknown paths and methods, which returns the documented error form."""

from azure.functions import HttpRequest, HttpResponse

from shared.errors import NotFound
from triggers.http.cors import preflight_response
from triggers.http.responses import handle_errors
from triggers.http.services import HttpServices

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_PATH_IN_MESSAGE = 200
"""Characters."""


@handle_errors
async def refuse(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """Any method and path that no other function serves.

    Authenticated like other routes, so that anonymous callers learn nothing about the API and
    guessing paths counts against the caller's rate.
    """
    if response := preflight_response(services, req):
        return response
    await services.authenticate(req)
    path = req.route_params.get("rest") or ""
    printable = "".join(c for c in path[:MAX_PATH_IN_MESSAGE] if c.isprintable())
    raise NotFound("unknown_route", f"the API has no {req.method} /api/{printable}: see /api/docs")
