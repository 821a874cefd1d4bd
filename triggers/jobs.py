"""Jobs over HTTP: submit, read, list, follow, cancel."""

import asyncio
import re
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import opened
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import Page
from shared.settings import settings
from triggers import summaries
from triggers.acceptance import Acceptance, Accepted
from triggers.answers import RETRY_AFTER, answer, answered, answered_async
from triggers.bodies import json_object
from triggers.callers import caller, own
from triggers.orchestrations import DurableClient, ensure_started, wake
from triggers.search_request import Submission, parse

KEY_HEADERS = ("idempotency-key", "repeatability-request-id")
FALLBACK_KEY_HEADER = "x-client-request-id"
"""The dashboard's client repeats a POST with the same one: it serves where no key is given."""
PAGE, LARGEST_PAGE = 50, 500
_JOB_ID = re.compile(r"job-[0-9a-f]{32}")


@answered_async
async def submit(req: HttpRequest, client: DurableClient) -> HttpResponse:
    """POST /api/blast/jobs"""
    who = await asyncio.to_thread(caller, req)
    asked = parse(json_object(req.get_body()), settings())
    accepted = await asyncio.to_thread(_accept, req, asked, who)
    await ensure_started(client, accepted.job)
    request_id = req.headers.get(FALLBACK_KEY_HEADER) or str(uuid.uuid4())
    headers = {
        "Location": f"/api/blast/jobs/{accepted.job.job_id}",
        "Retry-After": str(RETRY_AFTER),
    }
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return answer(summaries.accepted(accepted.job, request_id, asked.warnings), 202, headers)


@answered
def read(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}"""
    job = own_job(req)
    wanted = req.params.get("history") == "1"
    shown = summaries.detail(job, opened.jobs().events(job.job_id) if wanted else None)
    if job.children:
        shown["children"] = summaries.children(job, opened.jobs().index.tally(job.job_id))
    return answer(shown)


@answered
def status(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/submit/{id}/status"""
    return answer(summaries.runtime(own_job(req)))


@answered
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs"""
    who = caller(req)
    return _page(req, lambda size, cursor: opened.jobs().index.page(who, size, cursor))


@answered
def children(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/children"""
    job = own_job(req)
    return _page(req, lambda size, cursor: opened.jobs().index.children(job.job_id, size, cursor))


@answered
def events(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/events"""
    job = own_job(req)
    after = number(req, "after", 0, 0, 10**8)
    found = opened.jobs().events(job.job_id, after)
    return answer({"job_id": job.job_id, "events": [summaries.event(one) for one in found]})


@answered_async
async def cancel(req: HttpRequest, client: DurableClient) -> HttpResponse:
    """POST /api/blast/jobs/{id}/cancel"""
    job = await asyncio.to_thread(_ask_to_cancel, req)
    ended = job.phase is Phase.CANCELLED
    if not ended:
        await wake(client, job)
    said = "cancelled" if ended else "cancelling"
    body = {"job_id": job.job_id, "task_id": job.job_id, "status": said}
    return answer(body, 200 if ended else 202)


def own_job(req: HttpRequest) -> Job:
    """The job that a route names. Raises NotFound, also where it is somebody else's."""
    who, job_id = caller(req), req.route_params["id"]
    found = opened.jobs().find(job_id) if _JOB_ID.fullmatch(job_id) else None
    return own(found, who, job_id)


def _accept(req: HttpRequest, asked: Submission, who: Caller) -> Accepted:
    headers = [req.headers.get(name) for name in KEY_HEADERS]
    key = next(
        filter(None, [*headers, asked.idempotency_key, req.headers.get(FALLBACK_KEY_HEADER)]), None
    )
    return _acceptance().accept(asked, who, key, "http", most_active=settings().most_active)


def _ask_to_cancel(req: HttpRequest) -> Job:
    """Write down that a cancel is wanted: it is certain from then on. Raises Conflict."""
    job = own_job(req)
    if job.phase.is_end and job.phase is not Phase.CANCELLED:
        raise Conflict("already_finished", f"{job.job_id} has ended: {job.phase}")
    if job.phase.is_end or job.cancel_requested_at:
        return job
    return opened.jobs().update(job.job_id, "cancel_requested", cancel_requested_at=opened.now())


def _page(req: HttpRequest, look: Callable[[int, str], Page]) -> HttpResponse:
    """The page of a list that a request asks for; `look` is given its size and cursor."""
    size = number(req, "limit", PAGE, 1, LARGEST_PAGE)
    page = look(size, req.params.get("cursor", ""))
    shown: dict[str, Any] = {
        "limit": size,
        "returned": len(page.jobs),
        "has_more": bool(page.cursor),
    }
    if page.cursor:
        shown["next_cursor"] = page.cursor
    return answer(
        {"jobs": [summaries.summary(job) for job in page.jobs], "page": shown, "meta": {}}
    )


@cache
def _acceptance() -> Acceptance:
    return Acceptance(opened.jobs(), opened.blobs(), settings(), opened.now)


def number(req: HttpRequest, name: str, default: int, low: int, high: int) -> int:
    """A whole number in the query string. Raises Invalid."""
    text = req.params.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise Invalid([Fault(name, f"must be a whole number from {low} to {high}")])
    return int(text)
