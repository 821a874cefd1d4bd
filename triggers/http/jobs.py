"""HTTP handlers of jobs: submit, read, list and cancel."""

import re
from collections.abc import Mapping
from contextlib import suppress

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Caller, Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict, Fault, Invalid
from shared.settings import Settings
from shared.util.threads import in_thread
from triggers.auth.callers import require_owner
from triggers.durable_client import DurableClient, ensure_started, wake
from triggers.http.databases import database_of
from triggers.http.etag import job_response, not_modified, retry_after_header
from triggers.http.query_params import (
    DashboardCoordinates,
    DetailQuery,
    EventsQuery,
    ListQuery,
    PageQuery,
    parse_query,
)
from triggers.http.responses import RETRY_AFTER, handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.jobs import Cancelling, Detail
from triggers.submission.accept import AcceptedSubmission
from triggers.submission.json_body import json_object
from triggers.submission.parse import Submission, parse
from triggers.submission.payload import payload
from triggers.views import batch_view, job_view

KEY_HEADERS = ("Idempotency-Key", "Repeatability-Request-ID")
FALLBACK_KEY_HEADER = "x-client-request-id"
"""The key if the request has no other: the dashboard's client repeats a POST with the same id."""
MAX_KEY_LENGTH = 256
"""Characters; the same limit as for `idempotency_key` in a body."""
FIRST_CHILDREN = 50
"""The searches that are listed with their batch; `/children` has all."""
_JOB_ID = re.compile(r"job-[0-9a-f]{32}")


@handle_errors
async def submit_job(
    services: HttpServices, req: HttpRequest, client: DurableClient
) -> HttpResponse:
    """POST /api/blast/jobs"""
    submission, accepted = await _accept(services, req, client)
    # Without a request id of the client's the job id is returned, not a new id each time, so that
    # a replay gets the same body.
    client_request_id = req.headers.get(FALLBACK_KEY_HEADER) or submission.request_id
    request_id = client_request_id or accepted.job.job_id
    headers = {
        "Location": f"/api/blast/jobs/{accepted.job.job_id}",
        "Retry-After": str(RETRY_AFTER),
    }
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return json_response(
        job_view.accepted(accepted.job, request_id, accepted.warnings), 202, headers
    )


@handle_errors
async def read_job(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}"""
    job = await job_of_request(services, req)
    query = parse_query(req, DetailQuery)
    # What is known of the database, and the counts of a batch's searches, change without an event.
    if job.child_count or not query.leaves_database_out:
        return json_response(await _detail(services, job, query), headers=retry_after_header(job))
    return not_modified(req, job) or job_response(job, await _detail(services, job, query))


@handle_errors
async def read_status(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/submit/{id}/status"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
    return not_modified(req, job) or job_response(job, job_view.runtime(job))


@handle_errors
async def read_steps(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/execution-steps"""
    job = await job_of_request(services, req)
    parse_query(req, DashboardCoordinates)
    return not_modified(req, job) or job_response(job, job_view.execution(job))


@handle_errors
async def list_jobs(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs"""
    caller, query = await services.authenticate(req), parse_query(req, ListQuery)
    page = await services.clients.jobs.index.page(caller, query.limit, query.cursor, query.filters)
    return json_response(job_view.page(page, query.limit, is_reversed=_reverses_lists(req)))


@handle_errors
async def list_children(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/children"""
    job, query = await job_of_request(services, req), parse_query(req, PageQuery)
    page = await services.clients.jobs.index.children(job.job_id, query.limit, query.cursor)
    headers = retry_after_header(job) if job.child_count else {}
    return json_response(job_view.page(page, query.limit), headers=headers)


@handle_errors
async def list_events(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/jobs/{id}/events"""
    job, after = await job_of_request(services, req), parse_query(req, EventsQuery).after
    if response := not_modified(req, job):
        return response
    return job_response(
        job, job_view.events(job, await services.clients.jobs.events(job.job_id, after))
    )


@handle_errors
async def cancel_job(
    services: HttpServices, req: HttpRequest, client: DurableClient
) -> HttpResponse:
    """POST /api/blast/jobs/{id}/cancel"""
    caller = await services.authenticate(req)
    job = await _record_cancel(services, req.route_params["id"], caller)
    if not job.phase.is_end:
        await wake(client, job, services.clients.settings.crash_retry)
    is_cleaned_up = job.phase.is_end and job.left_on_cluster is LeftOnCluster.NONE
    body = Cancelling(
        job_id=job.job_id,
        task_id=job.job_id,
        status="cancelled" if is_cleaned_up else "cancelling",
    )
    return json_response(body, 200 if is_cleaned_up else 202, retry_after_header(job))


async def job_of_request(services: HttpServices, req: HttpRequest) -> Job:
    """Return the job in the route. Raises NotFound, also for deleted and other owners' jobs."""
    return await visible_job(services, req.route_params["id"], await services.authenticate(req))


async def job_of_caller(services: HttpServices, job_id: str, caller: Caller) -> Job:
    """Return a caller's job, deleted or not, by one point read. Raises NotFound."""
    job = await services.clients.jobs.find(job_id) if _JOB_ID.fullmatch(job_id) else None
    return require_owner(job, caller, job_id)


def keys_in_headers(req: HttpRequest) -> dict[str, str]:
    """Return the idempotency keys in the headers, by header, in the order of precedence.

    Raises Invalid if a key is too long: a truncated key could equal another request's.
    """
    values = {name: req.headers.get(name) for name in (*KEY_HEADERS, FALLBACK_KEY_HEADER)}
    keys = {name: key for name, key in values.items() if key}
    faults = [
        Fault(name, f"has {len(key):,} characters, the limit is {MAX_KEY_LENGTH}")
        for name, key in keys.items()
        if len(key) > MAX_KEY_LENGTH
    ]
    if faults:
        raise Invalid(faults)
    return keys


def _reverses_lists(req: HttpRequest) -> bool:
    """Whether the client shows the last job of a page first, so that it wants the oldest first.

    The dashboard of the Functions era does, and the next one on its first screen; the latter sorts
    elsewhere. Both ask without a parameter, and with an id that programs need not send.
    """
    return not req.params and FALLBACK_KEY_HEADER in req.headers


async def visible_job(services: HttpServices, job_id: str, caller: Caller) -> Job:
    """Return a caller's job that is not deleted, by one point read. Raises NotFound."""
    job = await job_of_caller(services, job_id, caller)
    return require_owner(None if job.phase is Phase.DELETED else job, caller, job_id)


async def _accept(
    services: HttpServices, req: HttpRequest, client: DurableClient
) -> tuple[Submission, AcceptedSubmission]:
    """Parse, check, accept and start a submission."""
    caller, header_keys = await services.authenticate(req), keys_in_headers(req)
    # In a thread, as checking a large query takes long.
    settings = services.clients.settings
    submission = await in_thread(_parse, req.get_body(), settings)
    key = single_key({**header_keys, "idempotency_key": submission.idempotency_key})
    async with services.turn(submission.is_batch):
        accepted = await services.submissions.accept(
            submission, caller, key, "http", max_active_jobs=settings.max_active_jobs
        )
        await ensure_started(client, accepted.job, settings.crash_retry)
    return submission, accepted


def _parse(body: bytes, settings: Settings) -> Submission:
    return parse(json_object(body), settings)


def single_key(keys: Mapping[str, str | None]) -> str | None:
    """Return the key that the request has in these places, else that of FALLBACK_KEY_HEADER.

    Raises Invalid if it has two: a repeat under the key that was not used would be a new search.
    """
    given = {place: key for place, key in keys.items() if key and place != FALLBACK_KEY_HEADER}
    if len(set(given.values())) > 1:
        text = f"{' and '.join(given)} have different idempotency keys: send one of them"
        raise Invalid([Fault(place, text) for place in given])
    return next(iter(given.values()), keys.get(FALLBACK_KEY_HEADER))


async def _detail(services: HttpServices, job: Job, query: DetailQuery) -> Detail:
    jobs = services.clients.jobs
    history = await jobs.events(job.job_id) if query.history == "1" else None
    if not job.child_count:
        database = None if query.leaves_database_out else await database_of(services, job)
        return job_view.detail(job, history, payload=payload(job.search), database=database)
    children = batch_view.children(job, await jobs.index.count_by_status(job.job_id))
    first = await jobs.index.children(job.job_id, FIRST_CHILDREN)
    return job_view.detail(job, history, children, batch_view.first_children(first.jobs))


async def _record_cancel(services: HttpServices, job_id: str, caller: Caller) -> Job:
    """Record the cancel request in the job's row; the job is cancelled even after a crash.

    For an ended job whose clean-up is unconfirmed, the reconciler tries again at its next tick.
    Raises Conflict for other ended jobs.
    """
    while True:
        job = await visible_job(services, job_id, caller)
        if job.phase.is_end:
            return await _request_cleanup(services, job)
        if job.cancel_requested_at:
            return job
        with suppress(Conflict):  # the job ended after it was read: read it again
            return await services.clients.jobs.request_cancel(job_id)


async def _request_cleanup(services: HttpServices, job: Job) -> Job:
    if job.left_on_cluster is LeftOnCluster.UNKNOWN:
        await services.clients.jobs.index.defer(job, services.clients.now())
    elif job.phase is not Phase.CANCELLED and job.cleanup_confirmed_at is None:
        message = f"{job.job_id} has ended with phase {job.phase}: there is nothing to cancel"
        raise Conflict("already_finished", message)
    return job
