"""Jobs over HTTP: submit, read, list, follow, cancel."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.job import Caller, Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobPage
from shared.settings import settings
from shared.util.threads import in_thread
from triggers.auth.callers import authenticate, require_owner
from triggers.durable_client import DurableClient, ensure_started, wake
from triggers.http.etag import respond_if_changed, retry_after_header
from triggers.http.query_params import DetailQuery, EventsQuery, ListQuery, PageQuery, parse_query
from triggers.http.responses import RETRY_AFTER, handle_errors, handle_errors_async, json_response
from triggers.submission.accept import AcceptedSubmission, acceptance
from triggers.submission.json_body import json_object
from triggers.submission.parse import Submission, parse
from triggers.views import job_view

KEY_HEADERS = ("Idempotency-Key", "Repeatability-Request-ID")
FALLBACK_KEY_HEADER = "x-client-request-id"
"""The dashboard's client repeats a POST with the same one: it serves where no key is given."""
LONGEST_KEY = 256
"""Characters, as in a body."""
_JOB_ID = re.compile(r"job-[0-9a-f]{32}")


@handle_errors_async
async def submit(req: HttpRequest, client: DurableClient) -> HttpResponse:
    """POST /api/blast/jobs"""
    asked_for, accepted = await in_thread(_accept, req)
    await ensure_started(client, accepted.job)
    # It names the request that is answered. One without a name is not given a new one each time:
    # a replay has the same body.
    named = req.headers.get(FALLBACK_KEY_HEADER) or asked_for.request_id
    request_id = named or accepted.job.job_id
    headers = {
        "Location": f"/api/blast/jobs/{accepted.job.job_id}",
        "Retry-After": str(RETRY_AFTER),
    }
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return json_response(
        job_view.accepted(accepted.job, request_id, asked_for.warnings), 202, headers
    )


@handle_errors
def read(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}"""
    job = own_job(req)
    wanted = parse_query(req, DetailQuery).history == "1"
    if job.child_count:  # its searches move on without it: no edition of its own tells of them
        return json_response(_detail(job, wanted), headers=retry_after_header(job))
    return respond_if_changed(req, job, lambda: _detail(job, wanted))


@handle_errors
def status(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/submit/{id}/status"""
    job = own_job(req)
    return respond_if_changed(req, job, lambda: job_view.runtime(job))


@handle_errors
def execution_steps(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/execution-steps"""
    job = own_job(req)
    return respond_if_changed(req, job, lambda: job_view.execution(job))


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs"""
    who, wanted = authenticate(req), parse_query(req, ListQuery)
    index = dependencies.jobs().index
    return _page(index.page(who, wanted.limit, wanted.cursor, wanted.only), wanted.limit)


@handle_errors
def children(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/children"""
    job, wanted = own_job(req), parse_query(req, PageQuery)
    page = dependencies.jobs().index.children(job.job_id, wanted.limit, wanted.cursor)
    return _page(page, wanted.limit, retry_after_header(job) if job.child_count else {})


@handle_errors
def events(req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/events"""
    job, after = own_job(req), parse_query(req, EventsQuery).after
    return respond_if_changed(
        req, job, lambda: job_view.events(job, dependencies.jobs().events(job.job_id, after))
    )


@handle_errors_async
async def cancel(req: HttpRequest, client: DurableClient) -> HttpResponse:
    """POST /api/blast/jobs/{id}/cancel"""
    job = await in_thread(_ask_to_cancel, req)
    is_proven = job.phase.is_end and job.left_on_cluster is LeftOnCluster.NONE
    if not job.phase.is_end:
        await wake(client, job)
    status = "cancelled" if is_proven else "cancelling"
    body = {"job_id": job.job_id, "task_id": job.job_id, "status": status}
    return json_response(body, 200 if is_proven else 202, retry_after_header(job))


def own_job(req: HttpRequest) -> Job:
    """The job that a route names. Raises NotFound, also where it is deleted or somebody else's."""
    return _shown(req.route_params["id"], authenticate(req))


def owned(job_id: str, who: Caller) -> Job:
    """A job that a caller may see, by one point read, deleted or not. Raises NotFound."""
    job = dependencies.jobs().find(job_id) if _JOB_ID.fullmatch(job_id) else None
    return require_owner(job, who, job_id)


def keys_in_headers(req: HttpRequest) -> dict[str, str]:
    """By its header, each key that a request gives there: first the one that counts most.

    Raises Invalid where one is too long: cut off, it could be another request's.
    """
    named = {name: req.headers.get(name) for name in (*KEY_HEADERS, FALLBACK_KEY_HEADER)}
    given = {name: key for name, key in named.items() if key}
    text = f"has at most {LONGEST_KEY} characters"
    if faults := [Fault(name, text) for name, key in given.items() if len(key) > LONGEST_KEY]:
        raise Invalid(faults)
    return given


def _shown(job_id: str, who: Caller) -> Job:
    """A job that a caller may see and that is not deleted, by one point read. Raises NotFound."""
    job = owned(job_id, who)
    return require_owner(None if job.phase is Phase.DELETED else job, who, job_id)


def _accept(req: HttpRequest) -> tuple[Submission, AcceptedSubmission]:
    """Read, check and keep a submission. It takes long for a long query: not for an event loop."""
    who, keys = authenticate(req), keys_in_headers(req)
    submission = parse(json_object(req.get_body()), settings())
    fallback = keys.pop(FALLBACK_KEY_HEADER, None)
    key = next(filter(None, [*keys.values(), submission.idempotency_key, fallback]), None)
    most = settings().max_active_jobs
    return submission, acceptance().accept(submission, who, key, "http", max_active_jobs=most)


def _detail(job: Job, history: bool) -> dict[str, Any]:
    shown = job_view.detail(job, dependencies.jobs().events(job.job_id) if history else None)
    if job.child_count:
        shown["children"] = job_view.children(
            job, dependencies.jobs().index.count_by_status(job.job_id)
        )
    return shown


def _ask_to_cancel(req: HttpRequest) -> Job:
    """Record that a cancel is wanted: it is certain from then on.

    Of a job that has ended, what may be left is cleaned up at the next tick of upkeep.
    Raises Conflict for one of which nothing was left when it ended.
    """
    who, job_id = authenticate(req), req.route_params["id"]
    while True:
        job = _shown(job_id, who)
        if job.phase.is_end:
            return _ask_to_clean_up(job)
        if job.cancel_requested_at:
            return job
        with suppress(Conflict):  # it has ended since it was read: how, the next look says
            return dependencies.jobs().request_cancel(job_id)


def _ask_to_clean_up(job: Job) -> Job:
    if job.left_on_cluster is LeftOnCluster.UNKNOWN:
        dependencies.jobs().index.defer(job, dependencies.now())
    elif job.phase is not Phase.CANCELLED and job.cleanup_confirmed_at is None:
        raise Conflict("already_finished", f"{job.job_id} has ended: {job.phase}")
    return job


def _page(page: JobPage, size: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    shown: dict[str, Any] = {
        "limit": size,
        "returned": len(page.jobs),
        "has_more": bool(page.cursor),
    }
    if page.cursor:
        shown["next_cursor"] = page.cursor
    jobs = [job_view.summary(job) for job in page.jobs]
    return json_response({"jobs": jobs, "page": shown, "meta": {}}, headers=headers)
