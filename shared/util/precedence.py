"""Work that others wait for goes first, and other work gives way to it without coming to rest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

LONGEST_WAIT = timedelta(milliseconds=100)
"""How long the next one of those that give way waits: ten a second begin in any case."""


class Precedence:
    """Of one event loop: what runs `first`, and what gives way to that before it begins."""

    def __init__(self, longest_wait: timedelta = LONGEST_WAIT) -> None:
        self._longest_wait = longest_wait
        self._count = 0
        self._free = asyncio.Event()
        self._free.set()
        self._next = asyncio.Lock()

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

    async def give_way(self) -> None:
        """Wait in turn until nothing goes first, or until the longest wait of the turn is over."""
        if self._free.is_set():
            return
        async with self._next:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._longest_wait.total_seconds()):
                    await self._free.wait()
