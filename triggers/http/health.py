"""HTTP handlers for liveness and readiness."""

from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared.util.version import VERSION
from triggers.http.responses import RETRY_AFTER, handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.app import Alive, Ready

CACHE_TTL = timedelta(seconds=2)
"""Results are cached, so that frequent readiness probes do not load the dependencies."""


@handle_errors
async def health(req: HttpRequest) -> HttpResponse:
    """GET /api/health

    Async and without any call, so that it answers while threads are busy, storage is down or
    settings are invalid.
    """
    return json_response(Alive(status="ok", version=VERSION))


@handle_errors
async def ready(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/health/ready"""
    return to_response((await services.readiness.get_fresh(CACHE_TTL)).value)


def to_response(readiness: Ready) -> HttpResponse:
    """Return 503 if a required dependency fails, which load balancers act on, else 200."""
    is_unavailable = readiness.status == "unavailable"
    headers = {"Retry-After": str(RETRY_AFTER)} if is_unavailable else {}
    return json_response(readiness, 503 if is_unavailable else 200, headers)
