"""HTTP handler that lists the programs with their options."""

from azure.functions import HttpRequest, HttpResponse

from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.programs import Programs
from triggers.submission.option_catalog import programs


@handle_errors
async def list_programs(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/programs"""
    await services.authenticate(req)
    settings = services.clients.settings
    return json_response(Programs(programs=programs(settings.default_outfmt, settings.batch_len)))
