"""A map that runs in threads."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.util.threads import Threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], parallelism: int
) -> list[Result]:
    """The results in the order of the items; at most `parallelism` calls run at a time.

    A call that raises stops the start of further ones. The running ones are awaited, then the error
    of the first item that failed is raised. Fewer than two items start no thread.
    """
    items = list(items)
    if len(items) < 2:
        return [function(item) for item in items]
    with Threads(min(parallelism, len(items))) as threads:
        return list(threads.map(function, items))
