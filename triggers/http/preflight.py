"""HTTP handler that checks whether a search would be accepted and could run."""

from azure.functions import HttpRequest, HttpResponse

from shared.util.threads import in_thread
from triggers.http.checks.preflight import Preflight
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.submission.json_body import json_object


@handle_errors
async def pre_flight(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/blast/pre-flight"""
    caller = await services.authenticate(req)
    preflight = Preflight(services.clients, lambda: services.submissions)
    # In a thread, as reading a large body takes long.
    body = await in_thread(json_object, req.get_body())
    return json_response(await preflight.run(body, caller))
