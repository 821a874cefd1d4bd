"""Responses of the URL API."""

from collections.abc import Mapping

from azure.functions import HttpResponse

from triggers.http.responses import HEADERS

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The pages repeat texts of searches."""


def html(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A page, as UTF-8."""
    return HttpResponse(
        text.encode(),
        status_code=status,
        headers={**HEADERS, **(headers or {}), "Content-Security-Policy": POLICY},
        mimetype="text/html",
        charset="utf-8",
    )


def document(data: bytes, mimetype: str) -> HttpResponse:
    """Results. A browser runs nothing of them, whatever the names in them are."""
    headers = {**HEADERS, "Content-Security-Policy": POLICY}
    return HttpResponse(data, headers=headers, mimetype=mimetype, charset="utf-8")
