"""The description of one operation of the HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import BaseModel

Model = type[BaseModel]
ResponseBody = Model | str | None


@dataclass(frozen=True)
class Operation:
    """An operation of the HTTP API; `path` is relative to `/api`."""

    name: str
    method: str
    path: str
    summary: str
    responses: Mapping[int, ResponseBody | tuple[ResponseBody, ...]]
    """By status: a model, a media type, or several of these; None for no body."""
    error_codes: tuple[str, ...] = ()
    """In addition to error_codes.EVERYWHERE."""
    query: Model | None = None
    body: tuple[Model, ...] = ()
    """The models whose fields the JSON body has."""
    is_partial: bool = False
    """Whether required fields of the body can be missing."""
    form: str | None = None
    """Name of the file field if the body can also be a form."""
    idempotent: bool = False
    """Whether requests with the same idempotency key are processed once."""
    conditional: bool = False
    """Whether `If-None-Match` is supported (304), and browsers may keep the response."""
    max_age: timedelta = timedelta(0)
    """How long a browser may use the response of a conditional operation without a request."""
    retry_after_status: int | None = None
    """The status whose response can change while the job is active, so it has a Retry-After."""
    ranged: bool = False
    """Whether `Range` is supported."""
    anonymous: bool = False
    """Whether the operation needs no authentication."""
    group: str = field(default="Jobs")
