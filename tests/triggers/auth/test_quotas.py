"""Request rates per caller, with a clock that the test moves, and counts of active jobs."""

import asyncio
import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.functions import HttpRequest

from shared.contracts.job import Caller
from shared.contracts.states import Phase
from shared.errors import TooMany
from shared.jobs import Index
from shared.util.durations import Rate
from tests.support.samples import ALICE, BOB, NOON, job
from tests.triggers.auth.app import Durable
from tests.triggers.conftest import Store
from triggers.auth import quotas
from triggers.auth.callers import LOCAL
from triggers.auth.quotas import ActiveLimit, RateLimiter
from triggers.http.job_retry import retry_job

RATE = Rate(3, timedelta(minutes=1))


class World:
    """A rate limiter and its clock."""

    def __init__(self, rate: Rate = RATE) -> None:
        self.second = 1e6
        self.requests = RateLimiter(rate, lambda: self.second)

    def wait_of(self, caller: Caller = ALICE) -> float:
        """The Retry-After in seconds; 0 if the request is accepted."""
        try:
            self.requests.check(caller)
        except TooMany as error:
            assert error.retry_after
            return error.retry_after.total_seconds()
        return 0.0


def test_a_full_bucket_allows_a_burst_and_then_the_rate() -> None:
    world = World()
    assert [world.wait_of() for _ in range(5)] == [0, 0, 0, 20, 20]
    world.second += 20
    assert [world.wait_of() for _ in range(2)] == [0, 20]
    world.second += 10**6
    assert [world.wait_of() for _ in range(4)] == [0, 0, 0, 20]


def test_a_rejected_request_takes_no_token() -> None:
    world = World()
    for _ in range(100):
        world.wait_of()
    world.second += 20
    assert world.wait_of() == 0


def test_failure_41_a_caller_over_its_rate_does_not_affect_others() -> None:
    world = World()
    for _ in range(100):
        world.wait_of(ALICE)
    assert world.wait_of(BOB) == 0
    assert world.wait_of(replace(ALICE, tenant_id="elsewhere")) == 0


def test_the_rate_is_counted_by_id_and_not_by_name() -> None:
    world = World()
    for n in range(3):
        world.wait_of(replace(ALICE, upn=f"alice{n}@example.org", is_admin=bool(n)))
    assert world.wait_of() == 20


def test_the_least_recent_caller_is_dropped_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotas, "MAX_TRACKED_CALLERS", 10)
    world = World(Rate(1, timedelta(minutes=1)))
    world.wait_of(ALICE)
    for n in range(9):
        world.wait_of(replace(BOB, oid=str(n)))
        assert world.wait_of(ALICE) > 0  # so it is not the least recent caller
    world.wait_of(BOB)
    assert world.wait_of(ALICE) > 0
    assert world.wait_of(replace(BOB, oid="0")) == 0


def test_concurrent_requests_do_not_exceed_the_rate() -> None:
    world, result = World(Rate(10, timedelta(minutes=1))), list[float]()
    threads = [threading.Thread(target=lambda: result.append(world.wait_of())) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert (len(result), result.count(0)) == (40, 10)


class SlowCounts(Index):
    """Counts of active jobs, which end when the test says so."""

    def __init__(self) -> None:
        self.counts: list[asyncio.Future[int]] = []

    async def count_active(self, owner: Caller, most: int) -> int:
        self.counts.append(asyncio.get_running_loop().create_future())
        return await self.counts[-1]


class Process:
    """The limit of active jobs in a process, of which 30 are allowed."""

    def __init__(self) -> None:
        self.index = SlowCounts()
        self.now = NOON
        self.limit = ActiveLimit(self.index, lambda: self.now)

    async def begin(self, caller: Caller = ALICE) -> asyncio.Task[None]:
        """A new job, which is allowed by now or waits for a count."""
        new = asyncio.create_task(self.limit.check(caller, 30))
        await asyncio.wait([new], timeout=0)
        return new

    async def is_counted(self, caller: Caller = ALICE) -> bool:
        """Whether a new job, which is not created then, waits for a count."""
        new = await self.begin(caller)
        new.cancel()
        return not new.done()


async def test_of_counts_at_the_same_time_one_allows_jobs_without_a_count() -> None:
    """The later ones to end know less of the jobs that were allowed meanwhile."""
    process = Process()
    new = [await process.begin() for _ in range(3)]
    for one, count in zip(new, process.index.counts, strict=True):
        count.set_result(0)
        await one
    assert not await process.is_counted(), "three in all: two of them had a count of their own"
    assert await process.is_counted()


async def test_a_slow_count_is_no_longer_good_when_it_ends() -> None:
    """Other processes may have accepted jobs since it began."""
    process = Process()
    new = await process.begin()
    process.now += quotas.COUNT_LIFETIME
    process.index.counts[0].set_result(0)
    await new
    assert await process.is_counted()


async def test_a_count_does_not_know_jobs_that_were_allowed_otherwise() -> None:
    process = Process()
    new = await process.begin()
    process.limit.add(ALICE)
    process.index.counts[0].set_result(0)
    await new
    assert await process.is_counted(), "it began before the other job"
    new = await process.begin()
    process.index.counts[-1].set_result(0)
    await new
    for _ in range(3):
        process.limit.add(ALICE)
    assert await process.is_counted()


async def test_a_retry_takes_the_place_of_a_job_without_a_count(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process()
    monkeypatch.setitem(vars(store.services.submissions), "active_limit", process.limit)
    first = await process.begin(LOCAL)
    process.index.counts[0].set_result(0)
    await first
    for _ in range(3):
        failed = job(uuid.uuid4().int, owner=LOCAL, phase=Phase.SEARCH_FAILED)
        await store.clients.jobs.create(failed, {})
        url = f"http://127.0.0.1:7071/api/blast/jobs/{failed.job_id}/retry"
        request = HttpRequest("POST", url, route_params={"id": failed.job_id}, body=b"")
        answer = await retry_job(store.services, request, client=Durable())
        assert answer.status_code == 202
    assert await process.is_counted(LOCAL)
