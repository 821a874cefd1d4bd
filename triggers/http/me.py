"""Who the caller is, as this app sees it."""

from azure.functions import HttpRequest, HttpResponse

from triggers.auth.callers import caller
from triggers.http.responses import answer, answered


@answered
def me(req: HttpRequest) -> HttpResponse:
    """GET /api/me"""
    who = caller(req)
    return answer({"object_id": who.oid, "tenant_id": who.tenant_id, "upn": who.upn})
