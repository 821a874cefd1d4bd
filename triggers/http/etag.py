"""Conditional responses about a job (ETag, 304) and the Retry-After of polling."""

from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.util.version import VERSION
from triggers.http.responses import HEADERS, json_response
from triggers.schemas.common import ResponseModel

SHORT_POLL_INTERVAL, POLL_INTERVAL = timedelta(seconds=1), timedelta(seconds=3)
"""The dashboard's poll intervals: in SHORT_POLL_PHASES, and in all others."""
SHORT_POLL_PHASES = {
    Phase.QUEUED,
    Phase.SUBMITTING,
    Phase.WAITING_FOR_SUBMIT_SLOT,
    Phase.CANCELLING,
}


def not_modified(req: HttpRequest, job: Job) -> HttpResponse | None:
    """Return 304 without a body if `If-None-Match` has the job's ETag, else None."""
    headers = _validators(job)
    if matches(req.headers.get("if-none-match", ""), headers["ETag"]):
        return HttpResponse(status_code=304, headers=HEADERS | headers)
    return None


def job_response(job: Job, body: ResponseModel) -> HttpResponse:
    """Return 200 with the body, the job's ETag, and its poll interval."""
    return json_response(body, headers=_validators(job))


def _validators(job: Job) -> dict[str, str]:
    return {"ETag": etag(job), **retry_after_header(job)}


def etag(job: Job) -> str:
    """Return the job's ETag, which changes with each event.

    The creation time is part of it, because an id can be used again after a purge; the version,
    because another one can show the same job otherwise.
    """
    return f'W/"{int(job.created_at.timestamp() * 1000):x}-{job.sequence}-{VERSION}"'


def retry_after_header(job: Job) -> dict[str, str]:
    """Return the poll interval as a Retry-After header; empty for an ended job."""
    delay = retry_after(job)
    return {"Retry-After": f"{delay.total_seconds():.0f}"} if delay else {}


def retry_after(job: Job) -> timedelta | None:
    """Return the poll interval; None for an ended job."""
    if job.phase.is_end:
        return None
    return SHORT_POLL_INTERVAL if job.phase in SHORT_POLL_PHASES else POLL_INTERVAL


def matches(if_none_match: str, current: str) -> bool:
    """Compare ETags weakly (RFC 9110, section 8.8.3.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or current.removeprefix("W/") in tags
