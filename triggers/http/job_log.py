"""HTTP handlers of a job's log: a ticket, and the log as server-sent events.

A browser's EventSource sends no token, so that the log is opened with a ticket. A function of this
app answers with a whole body and cannot stream. A response has the lines until now; that of a job
that has ended ends with `completed`, any other one is to be asked for again with `Last-Event-ID`.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clients.kubernetes import SearchLog
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.validation import faults_of
from shared.errors import Invalid, NotFound
from shared.util.threads import in_thread
from triggers.auth.links import LIFETIME, LinkTarget, sign, verify
from triggers.http.cluster_logs import MAX_AGE
from triggers.http.jobs import job_of_request
from triggers.http.query_params import LogQuery, parse_query
from triggers.http.responses import HEADERS, handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.dashboard import LogTicket
from triggers.submission.json_body import json_object
from triggers.views.job_log import MAX_LINES, LogPage, has_pods, page_of
from triggers.views.log_places import Cursor

LOG = "log"
"""What a ticket opens, with the number of lines that are wanted. The id of no file begins so."""
LAST_EVENT_ID = "last-event-id"
POLL_AFTER = timedelta(seconds=3)
"""When a browser's EventSource asks again; as long as a new look at the cluster takes to be due."""


class LogRequest(BaseModel):
    """Where the dashboard believes the job to run, which has no effect as the app knows the place,
    and how many lines a response has to a reader that has none: at most MAX_LINES."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str | None = Field(None, max_length=90)
    resource_group: str | None = Field(None, max_length=90)
    cluster_name: str | None = Field(None, max_length=90)
    namespace: str | None = Field(None, max_length=63)
    tail_lines: int | None = Field(None, ge=1, le=10_000)


@handle_errors
async def create_log_ticket(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/blast/logs/{id}/ticket"""
    job = await job_of_request(services, req)
    try:
        # In a thread, as reading a large body takes long.
        wanted = LogRequest.model_validate(await in_thread(json_object, req.get_body() or b"{}"))
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
    target = LinkTarget(job.owner.id, job.job_id, f"{LOG}:{wanted.tail_lines or MAX_LINES}")
    ticket = sign(target, await services.link_key(), services.clients.now())
    seconds = timedelta(seconds=1)
    return json_response(
        LogTicket(
            ticket=ticket,
            ttl_seconds=LIFETIME // seconds,
            streaming=False,
            poll_after_seconds=POLL_AFTER // seconds,
        )
    )


@handle_errors
async def read_log(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/logs/{id}/events"""
    query, job_id = parse_query(req, LogQuery), req.route_params["id"]
    target = verify(query.ticket, await services.link_key(), services.clients.now())
    job = await services.clients.jobs.find(job_id) if target.job_id == job_id else None
    opened, _, lines = target.file_id.partition(":")
    is_allowed = opened == LOG and job is not None and job.owner.id == target.owner_id
    if job is None or not is_allowed or job.phase is Phase.DELETED:
        raise NotFound("not_found", f"there is no job {job_id}")
    cursor = Cursor.parse(req.headers.get(LAST_EVENT_ID, ""))
    after = max(cursor.sequence, job.sequence - MAX_LINES)
    events, search_log = await asyncio.gather(
        services.clients.jobs.events(job_id, after), _cluster_log(services, job)
    )
    most = int(lines) if cursor == Cursor() else MAX_LINES
    page = page_of(job, events, search_log, cursor, services.clients.now(), most)
    text = "".join(_messages(page, job.phase.is_end))
    return HttpResponse(text, headers=HEADERS, mimetype="text/event-stream", charset="utf-8")


async def _cluster_log(services: HttpServices, job: Job) -> SearchLog:
    if not has_pods(job):
        return SearchLog()
    if job.other_cluster:
        text = f"the search runs on the cluster {job.other_cluster}, whose logs the app cannot read"
        return SearchLog(notices=(text,))
    max_age = MAX_AGE
    if job.finished_at:
        # No reader asks again, so that its last look is one after the end.
        max_age = max(min(max_age, services.clients.now() - job.finished_at), timedelta(0))
    return await services.cluster_logs.read(
        job.search.placement.cluster_name, job.elb_job_id, max_age
    )


def _messages(page: LogPage, has_ended: bool) -> Iterator[str]:
    """The last line has the id from which a reader goes on; what is cut off is sent again."""
    yield f"retry: {POLL_AFTER // timedelta(milliseconds=1)}\n\n"
    for number, entry in enumerate(page.entries, 1):
        cursor = f"id: {page.cursor}\n" if number == len(page.entries) else ""
        yield f"{cursor}event: log\ndata: {entry.model_dump_json(exclude_none=True)}\n\n"
    if has_ended:
        yield "event: completed\ndata: {}\n\n"
