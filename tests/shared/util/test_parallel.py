"""The parallel map: order, bounds and errors."""

import asyncio
from contextvars import ContextVar

import pytest

from shared.util.parallel import parallel_map


async def test_results_have_the_order_of_the_items() -> None:
    second_ran = asyncio.Event()

    async def double(number: int) -> int:
        if number == 1:
            await asyncio.wait_for(second_ran.wait(), 5)
        second_ran.set()
        return 2 * number

    assert await parallel_map(double, iter([1, 2, 3]), 2) == [2, 4, 6]


async def test_at_most_parallelism_calls_run_at_a_time() -> None:
    running, most = 0, 0

    async def count(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    assert await parallel_map(count, range(6), 2) == [None] * 6
    assert (running, most) == (0, 2)


async def test_an_error_is_raised_and_stops_the_start_of_further_calls() -> None:
    started: list[int] = []

    async def fail(number: int) -> None:
        started.append(number)
        await asyncio.sleep(0)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        await parallel_map(fail, range(10_000), 2)
    assert started == [0, 1]


async def test_calls_that_run_beside_a_failing_one_are_awaited() -> None:
    ended: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number == 0:
            raise ValueError("item 0")
        await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ValueError, match="item 0"):
        await parallel_map(work, range(3), 2)
    assert ended == [1]


async def test_failure_45_calls_run_in_the_context_of_the_caller() -> None:
    variable = ContextVar[str]("for_this_test")
    variable.set("one")

    async def read(_: int) -> str:
        return variable.get()

    assert await parallel_map(read, range(3), 2) == ["one"] * 3
