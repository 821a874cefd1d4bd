"""Pages of other origins (CORS): those of a setting may call the API, with a token and no cookies.

Source: the Fetch standard, section 3.2. Its credentials, such as cookies, are never allowed.
"""

from collections.abc import Mapping
from functools import wraps
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared.errors import SettingsInvalid
from triggers.http.responses import HEADERS, Handler
from triggers.http.services import HttpServices

METHODS = "GET, POST, PUT, DELETE"
REQUEST_HEADERS = (
    "authorization, content-type, x-client-request-id, idempotency-key, repeatability-request-id,"
    " if-none-match, if-range, range"
)
RESPONSE_HEADERS = (
    "Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, Retry-After,"
    " x-ms-error-code"
)
"""Beyond those that a page may always read."""
MAX_AGE = 600
"""Seconds for which a browser keeps the answer to a preflight."""


def with_cors(handler: Handler) -> Handler:
    """Wrap a handler so that pages of allowed origins can read its responses."""

    @wraps(handler)
    async def wrapped(services: HttpServices, **bindings: Any) -> HttpResponse:
        response = await handler(services, **bindings)
        for name, value in origin_headers(services, bindings["req"]).items():
            if name == "Vary" and name in response.headers:
                value = f"{response.headers[name]}, {value}"
            response.headers[name] = value
        return response

    return wrapped


def origin_headers(services: HttpServices, req: HttpRequest) -> Mapping[str, str]:
    """Return the headers for the request's origin; empty if no other origin is allowed."""
    try:
        allowed = services.clients.settings.allowed_origins
    except SettingsInvalid:  # the response says so
        return {}
    if not allowed:
        return {}
    origin = req.headers.get("origin", "")
    if origin not in allowed:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": RESPONSE_HEADERS,
    }


def preflight_response(services: HttpServices, req: HttpRequest) -> HttpResponse | None:
    """Return the answer to the preflight of a page of an allowed origin; None for all else.

    It needs no token: browsers send none.
    """
    if req.method != "OPTIONS" or "access-control-request-method" not in req.headers:
        return None
    if "Access-Control-Allow-Origin" not in origin_headers(services, req):
        return None
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE),
    }
    return HttpResponse(status_code=204, headers=HEADERS | headers)
