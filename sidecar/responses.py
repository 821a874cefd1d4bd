"""HTTP responses of the exec server: JSON, one request per connection."""

import json
from typing import Any

from aiohttp import web


class Refusal(Exception):
    """An error response: an HTTP status, and a sentence in the body's `error`."""

    def __init__(
        self, status: int, error: str, retry_after: int | None = None, **facts: object
    ) -> None:
        """`retry_after` is in seconds and becomes the header; `facts` are added to the body."""
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **facts}
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """`body` as UTF-8 JSON. The connection is closed, so a client never reuses a stale one."""
    data = encode(body)
    response = web.Response(
        body=data, status=status, headers=headers, content_type="application/json", charset="utf-8"
    )
    response.force_close()
    return response


def encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
