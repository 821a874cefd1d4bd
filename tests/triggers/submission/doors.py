"""The ways by which a search comes in, and Durable Functions that start it only when they may."""

import json
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import pytest
from azure.functions import HttpRequest, HttpResponse

from shared.contracts.states import Phase
from tests.support.gate import Gate
from tests.support.samples import job
from tests.triggers.auth.app import Durable
from tests.triggers.conftest import Store
from tests.triggers.queue.queue_fixture import BODY, incoming_message
from triggers.auth.callers import LOCAL
from triggers.http.job_retry import retry_job
from triggers.http.jobs import submit_job
from triggers.queue.requests import RequestProcessor
from triggers.submission.accept import SubmissionService
from triggers.submission.turns import PARALLEL_SUBMISSIONS
from triggers.url_api.handler import url_api

Door = Callable[[Store, SubmissionService, Durable], Awaitable[object]]


class StoppedDurable(Durable):
    """Answers no start before its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(PARALLEL_SUBMISSIONS)

    async def start_new(self, name: str, instance_id: str, client_input: object) -> str:
        await self.gate.wait()
        return await super().start_new(name, instance_id, client_input)


async def by_http(store: Store, service: SubmissionService, client: Durable) -> object:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = json.dumps(BODY).encode()
    url = "http://127.0.0.1:7071/api/blast/jobs"
    return await submit_job(
        store.services, req=HttpRequest("POST", url, headers=headers, body=body), client=client
    )


async def by_url_api(store: Store, service: SubmissionService, client: Durable) -> object:
    parameters = {"PROGRAM": "blastn", "DATABASE": "16S", "QUERY": BODY["query_fasta"]}
    body = urlencode({"CMD": "Put", "JOB_TITLE": uuid.uuid4().hex, **parameters}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = "http://127.0.0.1:7071/api/Blast.cgi"
    return await url_api(
        store.services, req=HttpRequest("POST", url, headers=headers, body=body), client=client
    )


async def by_queue(store: Store, service: SubmissionService, client: Durable) -> object:
    clients = store.clients
    processor = RequestProcessor(service, clients.outbox_publisher, clients.dead_letters)
    message = incoming_message(idempotency_key=uuid.uuid4().hex)
    await processor.process(message, client)
    return None


async def by_retry(store: Store, service: SubmissionService, client: Durable) -> object:
    failed = job(uuid.uuid4().int, owner=LOCAL, phase=Phase.SEARCH_FAILED)
    await store.clients.jobs.create(failed, {})
    return await retry(store, failed.job_id, client)


async def retry(store: Store, job_id: str, client: Durable) -> HttpResponse:
    url = f"http://127.0.0.1:7071/api/blast/jobs/{job_id}/retry"
    request = HttpRequest("POST", url, route_params={"id": job_id}, body=b"")
    return await retry_job(store.services, req=request, client=client)


DOORS = pytest.mark.parametrize(
    "door", [by_http, by_url_api, by_queue], ids=["http", "url_api", "queue"]
)
DOORS_AND_RETRY = pytest.mark.parametrize(
    "door",
    [by_http, by_url_api, by_queue, by_retry],
    ids=["http", "url_api", "queue", "retry"],
)
