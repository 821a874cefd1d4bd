"""What the app says of itself: its OpenAPI document, and a page that shows it."""

import json
import sys
from functools import cache
from pathlib import Path

from azure.functions import HttpRequest, HttpResponse

from triggers.http.openapi.document import document
from triggers.http.responses import HEADERS, handle_errors

PAGE = Path(__file__).with_name("docs.html")
POLICY = (
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page brings all of itself and asks nobody but the app."""


@handle_errors
def openapi(req: HttpRequest) -> HttpResponse:
    """GET /api/openapi.json"""
    return HttpResponse(written(), headers=HEADERS, mimetype="application/json")


@handle_errors
def page(req: HttpRequest) -> HttpResponse:
    """GET /api/docs"""
    headers = HEADERS | {"Content-Security-Policy": POLICY}
    return HttpResponse(PAGE.read_text(), headers=headers, mimetype="text/html")


@cache
def written() -> str:
    """The document as text, as docs/openapi.json has it."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(written())
