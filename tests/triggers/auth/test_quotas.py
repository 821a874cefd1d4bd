"""Request rates per caller, with a clock that the test moves."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.job import Caller
from shared.errors import TooMany
from shared.util.durations import Rate
from tests.support.samples import ALICE, BOB
from triggers.auth import quotas
from triggers.auth.quotas import RateLimiter

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
