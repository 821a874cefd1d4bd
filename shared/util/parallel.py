"""Calls and tasks that run side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def parallel_map(
    function: Callable[[Item], Awaitable[Result]], items: Iterable[Item], parallelism: int
) -> list[Result]:
    """The results in the order of the items; at most `parallelism` calls run at a time.

    A call that raises stops the start of further ones. The running ones are awaited, then the error
    is raised.
    """
    waiting = deque(enumerate(items))
    results: dict[int, Result] = {}

    async def work() -> None:
        while waiting:
            number, item = waiting.popleft()
            try:
                results[number] = await function(item)
            except BaseException:  # a cancellation, too, must stop the start of further calls
                waiting.clear()
                raise

    workers = [work() for _ in range(min(parallelism, len(waiting)))]
    outcomes: list[BaseException | None] = await asyncio.gather(*workers, return_exceptions=True)
    for error in filter(None, outcomes):
        raise error
    return [results[number] for number in range(len(results))]


async def stop_tasks(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for their ends. What they raise is not wanted any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
