"""Processing many items in a timer: concurrently, within a time limit, with isolated failures."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from shared.errors import ControlPlaneError
from shared.util.job_scope import job_scope

PARALLELISM = 8
T = TypeVar("T")

log = logging.getLogger("blast")


async def process_all(
    items: AsyncIterator[T],
    process: Callable[[T], Awaitable[str]],
    get_job_id: Callable[[T], str],
    is_time_up: Callable[[], bool],
    results: Counter[str],
) -> None:
    """Process items until none is left or the time is up; count in `results` what became of them.

    That is what `process` returns. A ControlPlaneError is logged, counted as `failed`, and does not
    stop the other items. Other exceptions are bugs: they are logged, counted as `crashed`, and
    raised together at the end as an ExceptionGroup, so that the function fails visibly.
    """

    async def process_one(item: T) -> str:
        with job_scope(get_job_id(item)):
            return await process(item)

    bugs: list[Exception] = []
    while not is_time_up() and (chunk := await _next_chunk(items)):
        outcomes = await asyncio.gather(*map(process_one, chunk), return_exceptions=True)
        for item, outcome in zip(chunk, outcomes, strict=True):
            if isinstance(outcome, str):
                results[outcome] += 1
            elif isinstance(outcome, ControlPlaneError):
                results["failed"] += 1
                log.warning(
                    "timer_item_failed job_id=%s code=%s: %s",
                    *(get_job_id(item), outcome.code, outcome),
                )
            elif isinstance(outcome, Exception):
                bugs.append(outcome)
                results["crashed"] += 1
                log.error("timer_item_crashed job_id=%s", get_job_id(item), exc_info=outcome)
            else:
                raise outcome
    if bugs:
        raise ExceptionGroup("the timer crashed on some jobs and processed the others", bugs)


async def _next_chunk(items: AsyncIterator[T]) -> list[T]:
    chunk: list[T] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) == PARALLELISM:
            break
    return chunk
