"""The page for people at a browser. It holds nothing; all that it shows it asks the API for."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from azure.functions import HttpRequest, HttpResponse

from triggers.http.responses import HEADERS, handle_errors

PAGE = Path(__file__).with_name("ui.html")
"""Made of ui/ by `make ui`."""
_INLINE = re.compile(r"<(style|script)[^>]*>(.*?)</\1>", re.DOTALL)


@handle_errors
def page(req: HttpRequest) -> HttpResponse:
    """GET /api/ui"""
    text = PAGE.read_text()
    headers = HEADERS | {"Content-Security-Policy": policy(text), "Referrer-Policy": "no-referrer"}
    return HttpResponse(text, headers=headers, mimetype="text/html", charset="utf-8")


@cache
def policy(text: str) -> str:
    """Only the page's own script and style run, and it can speak to nobody but the app."""
    hashes = {kind: _hash(inline) for kind, inline in _INLINE.findall(text)}
    return (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(inline: str) -> str:
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    return f"'sha256-{digest}'"
