"""How a process shares its event loop: requests for which clients wait, first; steps, in turn."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta

PARALLEL_STEPS = 3
"""Steps that begin together. Each takes a share of every pass of the event loop, and all requests
wait for the whole pass (decision 0147)."""
LONGEST_PLACE = timedelta(milliseconds=250)
"""How long a step holds its place: one that takes longer waits for another service."""
LONGEST_WAIT = timedelta(milliseconds=100)
"""How long the next step gives way to what goes first: ten a second begin in any case."""


class Precedence:
    """Of one event loop: what goes `first`, and the steps that run `in_turn`."""

    def __init__(
        self,
        longest_wait: timedelta = LONGEST_WAIT,
        longest_place: timedelta = LONGEST_PLACE,
    ) -> None:
        self._longest_wait = longest_wait
        self._longest_place = longest_place
        self._count = 0
        self._free = asyncio.Event()
        self._free.set()
        self._next = asyncio.Lock()
        self._places = asyncio.Semaphore(PARALLEL_STEPS)

    @contextmanager
    def first(self) -> Iterator[None]:
        """Around work that goes first, its own waiting included."""
        self._count += 1
        self._free.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._free.set()

    @asynccontextmanager
    async def in_turn(self) -> AsyncIterator[None]:
        """Around a step: it begins when there is a place, and when nothing goes first or the
        longest wait is over.
        """
        await self._places.acquire()
        with ExitStack() as place:
            place.callback(self._places.release)
            await self._give_way()
            timer = asyncio.get_running_loop().call_later(
                self._longest_place.total_seconds(), place.close
            )
            place.callback(timer.cancel)
            yield

    async def _give_way(self) -> None:
        if self._free.is_set():
            return
        async with self._next:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._longest_wait.total_seconds()):
                    await self._free.wait()
