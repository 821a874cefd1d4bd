"""HTTP handlers of the OpenAPI document and of the page that renders it."""

import json
from functools import cache
from pathlib import Path

from azure.functions import HttpRequest, HttpResponse

from shared.util.threads import in_thread
from triggers.http.openapi.document import document
from triggers.http.responses import HEADERS, handle_errors

PAGE = Path(__file__).with_name("docs.html")
POLICY = (
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page has inline script and style only, and sends requests to the app only."""


@handle_errors
async def openapi(req: HttpRequest) -> HttpResponse:
    """GET /api/openapi.json"""
    return HttpResponse(document_text(), headers=HEADERS, mimetype="application/json")


@handle_errors
async def docs(req: HttpRequest) -> HttpResponse:
    """GET /api/docs"""
    headers = HEADERS | {"Content-Security-Policy": POLICY}
    return HttpResponse(await in_thread(PAGE.read_text), headers=headers, mimetype="text/html")


@cache
def document_text() -> str:
    """Return the document as text, the content of docs/openapi.json."""
    return json.dumps(document(), indent=1) + "\n"
