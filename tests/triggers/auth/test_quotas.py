"""What one caller may take, by a clock that the test moves."""

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
    """Buckets, and their clock."""

    def __init__(self, rate: Rate = RATE) -> None:
        self.second = 1e6
        self.requests = RateLimiter(rate, lambda: self.second)

    def wait_of(self, caller: Caller = ALICE) -> float:
        """The seconds that the caller is told to wait; 0 where its request is taken."""
        try:
            self.requests.check(caller)
        except TooMany as error:
            assert error.retry_after
            return error.retry_after.total_seconds()
        return 0.0


def test_who_was_silent_may_ask_at_once_and_then_at_the_rate() -> None:
    world = World()
    assert [world.wait_of() for _ in range(5)] == [0, 0, 0, 20, 20]
    world.second += 20
    assert [world.wait_of() for _ in range(2)] == [0, 20]
    world.second += 10**6
    assert [world.wait_of() for _ in range(4)] == [0, 0, 0, 20]


def test_being_refused_costs_nothing() -> None:
    world = World()
    for _ in range(100):
        world.wait_of()
    world.second += 20
    assert world.wait_of() == 0


def test_failure_41_who_asks_too_much_takes_nothing_from_others() -> None:
    world = World()
    for _ in range(100):
        world.wait_of(ALICE)
    assert world.wait_of(BOB) == 0
    assert world.wait_of(replace(ALICE, tenant_id="elsewhere")) == 0


def test_who_comes_by_two_names_is_one_caller() -> None:
    world = World()
    for n in range(3):
        world.wait_of(replace(ALICE, upn=f"alice{n}@example.org", is_admin=bool(n)))
    assert world.wait_of() == 20


def test_so_many_callers_are_remembered_and_the_most_silent_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotas, "MAX_TRACKED_CALLERS", 10)
    world = World(Rate(1, timedelta(minutes=1)))
    world.wait_of(ALICE)
    for n in range(9):
        world.wait_of(replace(BOB, oid=str(n)))
        assert world.wait_of(ALICE) > 0  # and so is not the most silent
    world.wait_of(BOB)
    assert world.wait_of(ALICE) > 0
    assert world.wait_of(replace(BOB, oid="0")) == 0


def test_however_many_ask_at_once_no_more_are_taken() -> None:
    world, found = World(Rate(10, timedelta(minutes=1))), list[float]()
    threads = [threading.Thread(target=lambda: found.append(world.wait_of())) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert (len(found), found.count(0)) == (40, 10)
