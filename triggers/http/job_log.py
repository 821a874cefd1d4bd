"""HTTP handlers of a job's log: a ticket, and the log as server-sent events.

A browser's EventSource sends no token, so that the log is opened with a ticket. The worker's HTTP
functions answer with a whole body and cannot stream: a response has the lines until now, and ends
with `completed`, by which the dashboard goes on polling instead of opening the log again and again.
"""

import json
import re
from collections.abc import Iterator

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.job import Event
from shared.contracts.states import Phase
from shared.contracts.validation import faults_of
from shared.errors import Invalid, NotFound
from shared.util.threads import in_thread
from triggers.auth.links import LIFETIME, LinkTarget, sign, verify
from triggers.http.jobs import job_of_request
from triggers.http.query_params import LogQuery, parse_query
from triggers.http.responses import HEADERS, handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.common import format_timestamp
from triggers.schemas.dashboard import LogTicket
from triggers.submission.json_body import json_object

LOG = "log"
"""What a ticket opens. The id of no file is this word."""
MAX_LINES = 500
"""As many lines as the dashboard keeps."""
LAST_EVENT_ID = "last-event-id"
_EVENT_ID = re.compile(r"[0-9]{1,8}")
"""Browsers send what the last event had; any other value asks for the log from its start."""


class LogRequest(BaseModel):
    """Where the dashboard believes the job to run: the app knows it, so these have no effect."""

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
        LogRequest.model_validate(await in_thread(json_object, req.get_body() or b"{}"))
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
    target = LinkTarget(job.owner.id, job.job_id, LOG)
    ticket = sign(target, await services.link_key(), services.clients.now())
    return json_response(LogTicket(ticket=ticket, ttl_seconds=int(LIFETIME.total_seconds())))


@handle_errors
async def read_log(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/logs/{id}/events"""
    query, job_id = parse_query(req, LogQuery), req.route_params["id"]
    target = verify(query.ticket, await services.link_key(), services.clients.now())
    job = await services.clients.jobs.find(job_id) if target.job_id == job_id else None
    is_allowed = target.file_id == LOG and job is not None and job.owner.id == target.owner_id
    if job is None or not is_allowed or job.phase is Phase.DELETED:
        raise NotFound("not_found", f"there is no job {job_id}")
    last_id = req.headers.get(LAST_EVENT_ID, "")
    after = int(last_id) if _EVENT_ID.fullmatch(last_id) else 0
    after = max(after, job.sequence - MAX_LINES)
    text = "".join(_messages(await services.clients.jobs.events(job_id, after)))
    return HttpResponse(text, headers=HEADERS, mimetype="text/event-stream", charset="utf-8")


def _messages(events: list[Event]) -> Iterator[str]:
    for event in events:
        payload = event.payload
        about = payload.get("error") or payload.get("reason") or payload.get("error_code") or ""
        line = {
            "id": str(event.sequence),
            "schema_version": 1,
            "job_id": event.job_id,
            "source": "control_plane",
            "phase": event.phase.value,
            "line": f"{event.event.replace('_', ' ')} {about}".strip(),
            "ts": format_timestamp(event.at),
        }
        yield f"id: {event.sequence}\nevent: log\ndata: {json.dumps(line)}\n\n"
    yield "event: completed\ndata: {}\n\n"
