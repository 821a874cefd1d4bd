"""What a client may keep of a response: by default nothing, else what is asked for again.

A browser that may keep a response sends its ETag by itself, so that also clients that know nothing
of ETags get a 304 instead of the body (RFC 9111, section 4.3). `Vary: Authorization` keeps what one
person has read from another who signs in later.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from triggers.http.etag import matches
from triggers.http.responses import Handler
from triggers.http.services import HttpServices

UNKNOWN_ROUTE_MAX_AGE = timedelta(minutes=5)
"""The dashboard asks for routes of screens that are not part of the product, again and again."""


@dataclass(frozen=True)
class Caching:
    """Which responses to a GET a browser may keep, and for how long it need not ask again."""

    status: int = 200
    max_age: timedelta = timedelta(0)

    @property
    def header(self) -> str:
        """The value of Cache-Control: for the person's own browser, and no cache that is shared."""
        seconds = int(self.max_age.total_seconds())
        return f"private, max-age={seconds}" if seconds else "private, no-cache"


def with_caching(handler: Handler, caching: Caching) -> Handler:
    """Wrap a handler so that its responses can be kept, and are 304 while they stay the same.

    A response without an ETag gets one of its content.
    """

    @wraps(handler)
    async def wrapped(services: HttpServices, **bindings: Any) -> HttpResponse:
        req: HttpRequest = bindings["req"]
        response = await handler(services, **bindings)
        if req.method != "GET" or response.status_code not in (caching.status, 304):
            return response
        headers = response.headers
        headers["Cache-Control"], headers["Vary"] = caching.header, "Authorization"
        if "ETag" not in headers:
            headers["ETag"] = f'W/"{sha256(response.get_body()).hexdigest()[:32]}"'
        is_same = matches(req.headers.get("if-none-match", ""), headers["ETag"])
        if response.status_code != 200 or not is_same:
            return response
        return HttpResponse(status_code=304, headers=dict(headers))

    return wrapped
