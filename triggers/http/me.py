"""HTTP handler that returns the authenticated caller."""

from azure.functions import HttpRequest, HttpResponse

from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.app import Me


@handle_errors
async def get_caller(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/me"""
    caller = await services.authenticate(req)
    return json_response(Me(object_id=caller.oid, tenant_id=caller.tenant_id, upn=caller.upn))
