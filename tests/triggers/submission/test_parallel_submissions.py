"""How many submissions a process accepts at a time, so that other requests are answered between."""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
from azure.functions import HttpRequest, HttpResponse

from local.azurite import Azurite
from shared.contracts.activities import BATCH_ORCHESTRATOR
from shared.contracts.search import SearchSpec
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs.batch_blob import dump
from shared.util.precedence import Precedence
from tests.support.dependencies import opened
from tests.support.samples import job
from tests.triggers.auth.app import Durable
from tests.triggers.conftest import Store
from tests.triggers.queue.queue_fixture import BODY
from tests.triggers.submission.doors import (
    DOORS,
    DOORS_AND_RETRY,
    Door,
    StoppedDurable,
    by_http,
    by_queue,
    retry,
)
from triggers.auth.callers import LOCAL
from triggers.http.jobs import submit_job
from triggers.http.services import HttpServices
from triggers.submission import accept
from triggers.submission.accept import SubmissionService
from triggers.submission.turns import PARALLEL_BATCHES, PARALLEL_SUBMISSIONS

MORE = PARALLEL_SUBMISSIONS + 3


@pytest.fixture(scope="module")
async def store(azurite: Azurite) -> AsyncIterator[Store]:
    """Services whose limits are beyond the jobs that other tests leave active."""
    async with opened(azurite, max_active_jobs="100000") as clients:
        yield Store(HttpServices(clients))


@pytest.fixture
def service(store: Store, monkeypatch: pytest.MonkeyPatch) -> SubmissionService:
    """The service of the doors, of which none waits for a place."""
    return of_doors(store, monkeypatch, max_wait=timedelta())


def of_doors(
    store: Store, monkeypatch: pytest.MonkeyPatch, max_wait: timedelta
) -> SubmissionService:
    service = replace(SubmissionService.of(store.clients), max_wait=max_wait)
    monkeypatch.setitem(vars(store.services), "submissions", service)
    monkeypatch.delitem(vars(store.services), "repeatable_submissions", raising=False)
    return service


@DOORS_AND_RETRY
async def test_only_so_many_are_accepted_at_a_time_and_all_of_them_in_the_end(
    store: Store, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = of_doors(store, monkeypatch, max_wait=timedelta(minutes=1))
    client = StoppedDurable()
    accepting = [asyncio.ensure_future(door(store, service, client)) for _ in range(MORE)]
    await all_places_taken(client, accepting)
    client.gate.go.set()
    await asyncio.gather(*accepting)
    assert len(set(client.started)) == MORE
    assert client.gate.most == PARALLEL_SUBMISSIONS


async def take_all_places(
    store: Store, service: SubmissionService, client: StoppedDurable
) -> list[asyncio.Task[object]]:
    """Submissions that hold all places until they are started."""
    first = [
        asyncio.ensure_future(by_http(store, service, client)) for _ in range(PARALLEL_SUBMISSIONS)
    ]
    await all_places_taken(client, first)
    return first


async def all_places_taken(
    client: StoppedDurable, submissions: Sequence[asyncio.Task[object]]
) -> None:
    """Wait until all places are taken, or a submission has ended, which is a failure."""
    taken = asyncio.ensure_future(client.gate.is_full.wait())
    await asyncio.wait([taken, *submissions], return_when=asyncio.FIRST_COMPLETED)
    assert taken.done(), [one.result() for one in submissions if one.done()]


@DOORS
async def test_one_that_waits_too_long_for_others_is_refused_and_creates_nothing(
    store: Store, service: SubmissionService, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = StoppedDurable()
    first = await take_all_places(store, service, client)
    create = AsyncMock()
    with monkeypatch.context() as patched:
        patched.setattr(service.jobs, "create", create)
        if door is by_queue:
            with pytest.raises(Unavailable, match="earlier submissions"):
                await door(store, service, client)
        else:
            answer = await door(store, service, client)
            assert isinstance(answer, HttpResponse)
            assert answer.status_code == 503
            assert b"earlier submissions" in answer.get_body()
    create.assert_not_called()
    client.gate.go.set()
    await asyncio.gather(*first)
    await door(store, service, client)
    assert len(client.started) == PARALLEL_SUBMISSIONS + 1, "the places are free again"


async def test_a_retry_that_waits_too_long_for_others_is_refused_and_begins_no_attempt(
    store: Store, service: SubmissionService
) -> None:
    failed = job(uuid.uuid4().int, owner=LOCAL, phase=Phase.SEARCH_FAILED)
    await store.clients.jobs.create(failed, {})
    client = StoppedDurable()
    first = await take_all_places(store, service, client)
    assert (await retry(store, failed.job_id, client)).status_code == 503
    assert (await store.clients.jobs.get(failed.job_id)).attempt == 1
    client.gate.go.set()
    await asyncio.gather(*first)


class StoppedBatches(StoppedDurable):
    """Answers no start of a batch before `go`."""

    async def start_new(self, name: str, instance_id: str, client_input: object) -> str:
        start = super().start_new if name == BATCH_ORCHESTRATOR else Durable().start_new
        return await start(name, instance_id, client_input)


async def batch_by_http(store: Store, client: Durable) -> HttpResponse:
    searches = [{"query_fasta": BODY["query_fasta"]}]
    body = json.dumps({"program": "blastn", "db": "16S", "searches": searches}).encode()
    url = "http://127.0.0.1:7071/api/blast/jobs"
    return await submit_job(
        store.services, req=HttpRequest("POST", url, headers={}, body=body), client=client
    )


async def test_batches_that_take_long_leave_a_place_for_other_submissions(
    store: Store, service: SubmissionService
) -> None:
    client = StoppedBatches()
    batches = [
        asyncio.ensure_future(batch_by_http(store, client)) for _ in range(PARALLEL_SUBMISSIONS)
    ]
    all_wait = asyncio.ensure_future(client.gate.is_full.wait())
    await asyncio.wait([*batches, all_wait], return_when=asyncio.FIRST_COMPLETED)
    single = await by_http(store, service, client)
    client.gate.go.set()
    statuses = [(await batch).status_code for batch in batches]
    all_wait.cancel()
    assert isinstance(single, HttpResponse)
    assert single.status_code == 202
    assert sorted(statuses) == [202] * PARALLEL_BATCHES + [503]
    assert (await batch_by_http(store, client)).status_code == 202, "the places are free again"


async def test_the_searches_of_a_batch_are_rendered_beside_the_event_loop(
    store: Store, service: SubmissionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 of them take 0.2 s of processor time."""
    threads = []

    def recorded(searches: Iterable[SearchSpec]) -> bytes:
        threads.append(threading.current_thread())
        return dump(searches)

    monkeypatch.setattr(accept, "dump", recorded)
    assert (await batch_by_http(store, Durable())).status_code == 202
    assert threads
    assert threading.main_thread() not in threads


async def step_of(precedence: Precedence) -> None:
    async with precedence.in_turn():
        pass


@DOORS_AND_RETRY
async def test_steps_give_way_to_searches_for_which_a_client_waits(
    store: Store, service: SubmissionService, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Azure, the queue's function has processes of its own; elsewhere nothing waits for it."""
    precedence = Precedence(timedelta(days=1))
    monkeypatch.setattr(store.clients, "precedence", precedence)
    client = StoppedDurable()
    submissions = [
        asyncio.ensure_future(door(store, service, client)) for _ in range(PARALLEL_SUBMISSIONS)
    ]
    await all_places_taken(client, submissions)
    step = asyncio.ensure_future(step_of(precedence))
    begun, _ = await asyncio.wait([step], timeout=0)
    assert bool(begun) == (door is by_queue)
    client.gate.go.set()
    await asyncio.gather(step, *submissions)


async def test_steps_do_not_give_way_to_a_batch(
    store: Store, service: SubmissionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its named queries can take minutes."""
    monkeypatch.setattr(store.clients, "precedence", Precedence(timedelta(days=1)))
    client = StoppedBatches()
    batches = [asyncio.ensure_future(batch_by_http(store, client)) for _ in range(PARALLEL_BATCHES)]
    while client.gate.waiting < PARALLEL_BATCHES:
        await asyncio.wait(batches, timeout=0)
    await asyncio.wait_for(step_of(store.clients.precedence), 20)
    client.gate.go.set()
    await asyncio.gather(*batches)


async def test_a_cancelled_submission_frees_its_place(
    store: Store, service: SubmissionService
) -> None:
    client = StoppedDurable()
    first = await take_all_places(store, service, client)
    for task in first:
        task.cancel()
    await asyncio.gather(*first, return_exceptions=True)
    client.gate.go.set()
    await by_http(store, service, client)
    assert len(client.started) == 1
