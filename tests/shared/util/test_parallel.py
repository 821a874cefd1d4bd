"""The parallel map: order, bounds and errors."""

import threading
from contextvars import ContextVar

import pytest

from shared.util.parallel import parallel_map


async def test_results_have_the_order_of_the_items() -> None:
    second_ran = threading.Event()

    def double(number: int) -> int:
        if number == 1:
            assert second_ran.wait(5)
        second_ran.set()
        return 2 * number

    assert await parallel_map(double, iter([1, 2, 3]), 2) == [2, 4, 6]


@pytest.mark.parametrize("items", [[], ["a"]])
async def test_fewer_than_two_items_start_no_thread(items: list[str]) -> None:
    threads = [threading.current_thread() for _ in items]
    assert await parallel_map(lambda _: threading.current_thread(), items, 8) == threads


async def test_at_most_parallelism_calls_run_at_a_time() -> None:
    lock, counts = threading.Lock(), [0, 0]
    both = threading.Barrier(2)

    def count(_: int) -> None:
        with lock:
            counts[0] += 1
            counts[1] = max(counts)
        both.wait(5)
        with lock:
            counts[0] -= 1

    await parallel_map(count, range(6), 2)
    assert counts == [0, 2]


async def test_an_error_is_raised_and_stops_the_start_of_further_calls() -> None:
    started: list[int] = []

    def fail(number: int) -> None:
        started.append(number)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        await parallel_map(fail, range(10_000), 2)
    assert len(started) < 10_000


async def test_failure_45_calls_run_in_the_context_of_the_caller() -> None:
    variable = ContextVar[str]("for_this_test")
    variable.set("one")
    assert await parallel_map(lambda _: variable.get(), range(3), 2) == ["one"] * 3
