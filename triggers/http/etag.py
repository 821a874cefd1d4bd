"""Answers about a job: cheap for whoever has them already, and with a pause for whoever polls."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import Phase
from triggers.http.responses import HEADERS, json_response

SOON, LATER = 1, 3
"""Seconds between two looks of the dashboard's client: while a search is submitted, and behind."""
_BRISK = {Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING_FOR_SUBMIT_SLOT, Phase.CANCELLING}


def respond_if_changed(
    req: HttpRequest, job: Job, body: Callable[[], Mapping[str, Any]]
) -> HttpResponse:
    """The answer, or 304 without a body where the request names the same edition of the job.

    `body` is asked only if it is needed.
    """
    headers = {"ETag": etag(job), **retry_after_header(job)}
    if matches(req.headers.get("if-none-match", ""), headers["ETag"]):
        return HttpResponse(status_code=304, headers=HEADERS | headers)
    return json_response(body(), headers=headers)


def etag(job: Job) -> str:
    """Changes with each event of the job; an id that comes again after a purge has others."""
    return f'W/"{int(job.created_at.timestamp() * 1000):x}-{job.sequence}"'


def retry_after_header(job: Job) -> dict[str, str]:
    """How long to wait before the next look, as a header: none for a job that has ended."""
    after = retry_after(job)
    return {"Retry-After": f"{after.total_seconds():.0f}"} if after else {}


def retry_after(job: Job) -> timedelta | None:
    """How long to wait before the next look; None for a job that has ended."""
    if job.phase.is_end:
        return None
    return timedelta(seconds=SOON if job.phase in _BRISK else LATER)


def matches(if_none_match: str, current: str) -> bool:
    """Whether an `If-None-Match` header names the current ETag, by RFC 9110's weak comparison."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or current.removeprefix("W/") in tags
