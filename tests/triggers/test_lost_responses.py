"""I3, I4, I7: a write that was applied, and whose response was lost, changes nothing for a client.

The SDK sends it again, and the second time it conflicts with itself.
"""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from azure.functions import HttpRequest, HttpResponse

from local.azurite import Azurite
from shared.clients.queues import Queue
from shared.clients.tables import open_table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.jobs import Index, JobStateRepository, rows
from shared.messaging.outbox import OutboxPublisher
from tests.support.dependencies import opened
from tests.support.fake_durable import FakeDurable
from tests.support.lost_responses import LosingTable, LostResponse
from tests.support.samples import NOON, RECONCILE_AFTER, job, search
from tests.triggers.queue.queue_fixture import BODY, incoming_message
from triggers.auth.callers import LOCAL
from triggers.http.job_deletion import delete_job
from triggers.http.job_retry import retry_job
from triggers.http.jobs import cancel_job, submit_job
from triggers.http.services import HttpServices
from triggers.queue.requests import RequestProcessor
from triggers.url_api.handler import url_api

API = "http://127.0.0.1:7071/api"


class Outbox(Queue):
    """A completions queue in memory."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))


@dataclass
class App:
    """The app over tables of its own."""

    clients: Dependencies
    services: HttpServices
    jobs: JobStateRepository
    index: LosingTable
    outbox: Outbox
    durable: FakeDurable
    lost: LostResponse

    async def stored(self, number: int = 1, **changes: Any) -> Job:
        """A job that was there before."""
        base = job(number, owner=LOCAL, search=search(), created_at=NOON)
        created = await self.jobs.create(replace(base, **changes), {})
        self.lost.writes = 0
        return created

    async def post(self, headers: dict[str, str] | None = None, **body: Any) -> HttpResponse:
        sent = json.dumps({"program": "blastn", "db": "16S", **body}).encode()
        req = HttpRequest("POST", f"{API}/blast/jobs", headers=headers or {}, body=sent)
        return await submit_job(self.services, req=req, client=self.durable)

    async def put(self) -> HttpResponse:
        parameters = {"PROGRAM": "blastn", "DATABASE": "16S", "QUERY": BODY["query_fasta"]}
        body = urlencode({"CMD": "Put", **parameters}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        req = HttpRequest("POST", f"{API}/Blast.cgi", headers=headers, body=body)
        return await url_api(self.services, req=req, client=self.durable)

    async def deliver(self, **changes: Any) -> None:
        publisher = OutboxPublisher(self.jobs, self.clients.blobs, lambda: self.outbox)
        processor = RequestProcessor(
            self.services.submissions, publisher, self.clients.dead_letters
        )
        await processor.process(incoming_message(**changes), self.durable)

    async def ask(self, handler: Any, stored: Job) -> HttpResponse:
        req = HttpRequest("POST", API, route_params={"id": stored.job_id}, body=b"")
        answer: HttpResponse = await handler(self.services, req=req, client=self.durable)
        return answer

    async def state(self) -> dict[str, Any]:
        """All that there is, without ids and times of day."""
        listed = (await self.jobs.index.page(LOCAL, 50)).jobs
        result: dict[str, Any] = {
            "listed": [(each.phase, each.attempt, each.sequence) for each in listed],
            "started": self.durable.called("start_new"),
            "sent": [(each["status"], each["request_id"]) for each in self.outbox.sent],
        }
        active = self.index.query("PartitionKey ge @low", {"low": "active:"})
        result["active"] = [
            (row.columns.get("sequence"), row.columns.get("is_ahead"), row.columns.get("has_ended"))
            async for row in active
            if row.columns["PartitionKey"] < rows.after(rows.ACTIVE)
        ]
        for number, each in enumerate(listed):
            now = await self.jobs.get(each.job_id)
            events = await self.jobs.events(each.job_id)
            result[f"job {number}"] = (now.phase, now.attempt, now.sequence)
            result[f"events {number}"] = [(one.sequence, one.event) for one in events]
            result[f"messages {number}"] = len(await self.jobs.pending_messages(each.job_id))
        return result


@pytest.fixture
def new_app(azurite: Azurite) -> Callable[[LostResponse], Any]:
    @asynccontextmanager
    async def app(lost: LostResponse) -> AsyncIterator[App]:
        async with AsyncExitStack() as stack:
            clients = await stack.enter_async_context(opened(azurite))
            tables = []
            for _ in range(2):
                name = f"t{uuid.uuid4().hex}"
                table = open_table(name, azurite.connection_string, "", None)
                stack.push_async_callback(table.aclose)
                tables.append(LosingTable(table, lost))
            jobs = JobStateRepository(tables[0], Index(tables[1], RECONCILE_AFTER), lambda: NOON)
            await jobs.ensure()
            vars(clients)["jobs"] = jobs
            services = HttpServices(clients)
            durable = FakeDurable(lambda: NOON)
            yield App(clients, services, jobs, tables[1], Outbox(), durable, lost)

    return app


def shape(answer: HttpResponse | None) -> Any:
    """A response without ids and times."""
    if answer is None:
        return None
    names = ("Idempotency-Replayed", "Retry-After", "x-ms-error-code")
    headers = {name: answer.headers.get(name) for name in names}
    try:
        body = json.loads(answer.get_body())
    except ValueError:
        body = {}
    return answer.status_code, headers, sorted(body), body.get("status")


Step = Callable[[App], Awaitable[HttpResponse | None]]


async def retry(app: App) -> HttpResponse:
    ended = await app.stored(phase=Phase.SEARCH_FAILED, finished_at=NOON, notify=True)
    return await app.ask(retry_job, ended)


async def delete(app: App) -> HttpResponse:
    ended = await app.stored(phase=Phase.COMPLETED, finished_at=NOON)
    return await app.ask(delete_job, ended)


async def delete_running(app: App) -> HttpResponse:
    return await app.ask(delete_job, await app.stored())


async def delete_batch(app: App) -> HttpResponse:
    ended = {"phase": Phase.COMPLETED, "finished_at": NOON}
    batch = await app.stored(9, child_count=2, **ended)
    for number in (1, 2):
        more = {"parent_job_id": batch.job_id, "child_number": number}
        await app.stored(number, **ended, **more)
    return await app.ask(delete_job, batch)


async def cancel(app: App) -> HttpResponse:
    return await app.ask(cancel_job, await app.stored())


STEPS: dict[str, Step] = {
    "post": lambda app: app.post(query_data=">q\nACGTACGT\n"),
    "post-with-key": lambda app: app.post({"Idempotency-Key": "k"}, query_data=">q\nACGTACGT\n"),
    "post-with-client-request-id": lambda app: app.post(
        {"x-client-request-id": "k"}, query_data=">q\nACGTACGT\n"
    ),
    "batch": lambda app: app.post(searches=[{"query_data": f">q{n}\nACGT\n"} for n in range(3)]),
    "put": lambda app: app.put(),
    "queue": lambda app: app.deliver(),
    "retry": retry,
    "delete": delete,
    "delete-running": delete_running,
    "delete-batch": delete_batch,
    "cancel": cancel,
}


@pytest.mark.acceptance
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_a_lost_response_changes_nothing(
    new_app: Callable[[LostResponse], Any], step: Step
) -> None:
    lost = LostResponse()
    async with new_app(lost) as app:
        expected = shape(await step(app)), await app.state()
        writes = lost.writes
    assert writes >= 2
    for number in range(writes):
        async with new_app(LostResponse(number)) as app:
            assert (shape(await step(app)), await app.state()) == expected, f"write {number}"
