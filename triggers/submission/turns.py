"""Turns: few at a time, and the others wait in their order, for a limited time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from shared.errors import Unavailable

PARALLEL_SUBMISSIONS = 3
"""Submissions that a process accepts and starts at a time; others wait in turn. Each takes a share
of every pass of the event loop, and all other requests wait for the whole pass (decision 0140).
With 10 ms for each of its storage calls, three are more than a process has processor time for."""
PARALLEL_BATCHES = 2
"""Of these, batches: up to 10,000 named queries are read for minutes, and the last place stays for
submissions that take some milliseconds."""


@asynccontextmanager
async def take_turn(
    places: asyncio.Semaphore, max_wait: timedelta, earlier: str
) -> AsyncIterator[None]:
    """Hold one of the places.

    Raises Unavailable if none is free within `max_wait`: storage hardly answers the `earlier` ones,
    which are named in the message.
    """
    seconds = max_wait.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            await places.acquire()
    except TimeoutError as error:
        text = f"storage did not finish earlier {earlier} within {seconds:g} s"
        raise Unavailable("storage_unavailable", text) from error
    try:
        yield
    finally:
        places.release()


class SubmissionTurns:
    """The places for submissions, PARALLEL_SUBMISSIONS in all."""

    def __init__(self, max_wait: timedelta) -> None:
        self._max_wait = max_wait
        self._places = asyncio.Semaphore(PARALLEL_SUBMISSIONS)
        self._batches = asyncio.Semaphore(PARALLEL_BATCHES)

    @asynccontextmanager
    async def take(self, is_batch: bool) -> AsyncIterator[None]:
        """Hold a place.

        Raises Unavailable if PARALLEL_SUBMISSIONS earlier submissions, or before a batch
        PARALLEL_BATCHES earlier ones, take longer than `max_wait`.
        """
        async with AsyncExitStack() as held:
            if is_batch:  # first: a batch that waits for others must hold no place
                await held.enter_async_context(
                    take_turn(self._batches, self._max_wait, "batches of searches")
                )
            await held.enter_async_context(take_turn(self._places, self._max_wait, "submissions"))
            yield
