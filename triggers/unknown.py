"""Addresses that the API does not have: refused in the form of every other refusal."""

from azure.functions import HttpRequest, HttpResponse

from shared.errors import NotFound
from triggers.answers import answered

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LONGEST_SHOWN = 200
"""Characters of a path that are repeated."""


@answered
def refuse(req: HttpRequest) -> HttpResponse:
    """Any method and path that no other function answers.

    It asks for no token: what the API has is public (/api/openapi.json), and who is told to sign in
    for an address that does not exist signs in for nothing.
    """
    path = req.route_params.get("rest") or ""
    shown = "".join(c for c in path[:LONGEST_SHOWN] if c.isprintable())
    raise NotFound("unknown_route", f"the API has no {req.method} /api/{shown}: see /api/docs")
