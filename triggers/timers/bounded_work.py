"""Work that a timer does on many things: some at a time, within a time, each for itself."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeVar

from shared.errors import ControlPlaneError
from shared.util.threads import in_thread

AT_A_TIME = 8
T = TypeVar("T")

log = logging.getLogger("blast")


async def process_all(
    things: Iterator[T],
    work: Callable[[T], Awaitable[str]],
    name: Callable[[T], str],
    enough: Callable[[], bool],
) -> Counter[str]:
    """Do the work on each thing until it is enough; how often it came to what.

    Trouble with one is logged under its name, and stops no other. Nor does a bug; all of them are
    raised at the end, in an ExceptionGroup, so that the function fails and they are seen.
    """
    came_to: Counter[str] = Counter()
    bugs: list[Exception] = []
    while not enough() and (some := await in_thread(_next, things)):
        ends = await asyncio.gather(*map(work, some), return_exceptions=True)
        for thing, end in zip(some, ends, strict=True):
            if isinstance(end, str):
                came_to[end] += 1
            elif isinstance(end, ControlPlaneError):
                came_to["troubled"] += 1
                log.warning("upkeep_troubled job_id=%s code=%s: %s", name(thing), end.code, end)
            elif isinstance(end, Exception):
                bugs.append(end)
                log.error("upkeep_bug job_id=%s", name(thing), exc_info=end)
            else:
                raise end
    if bugs:
        raise ExceptionGroup("upkeep met bugs; it went on with the other jobs", bugs)
    return came_to


def _next(things: Iterator[T]) -> list[T]:
    return list(islice(things, AT_A_TIME))
