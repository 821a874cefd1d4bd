"""Who the caller is, as this app sees it."""

from azure.functions import HttpRequest, HttpResponse

from triggers.auth.callers import authenticate
from triggers.http.responses import handle_errors, json_response


@handle_errors
def me(req: HttpRequest) -> HttpResponse:
    """GET /api/me"""
    who = authenticate(req)
    return json_response({"object_id": who.oid, "tenant_id": who.tenant_id, "upn": who.upn})
