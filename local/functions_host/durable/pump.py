"""A pump: looks for work, runs so much of it at once, and rests until something may have changed."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Pump(Generic[Key]):
    """`find(limit)` names work, oldest first; `run(key)` does it; `rest(wake)` waits.

    What runs is not run a second time meanwhile, and at most `limit` run at once.
    """

    def __init__(
        self,
        find: Callable[[int], Awaitable[Sequence[Key]]],
        run: Callable[[Key], Awaitable[None]],
        rest: Callable[[asyncio.Event], Awaitable[None]],
        limit: int,
    ) -> None:
        self._find, self._run, self._rest, self._limit = find, run, rest, limit
        self._wake = asyncio.Event()
        self._running: dict[Key, asyncio.Task[None]] = {}
        self.resting = asyncio.Event()

    def wake(self) -> None:
        """Something may have changed: look again."""
        self.resting.clear()
        self._wake.set()

    async def forever(self) -> None:
        """Pump until cancelled; what runs then is cancelled too."""
        try:
            while True:
                await self._once()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _once(self) -> None:
        self._wake.clear()
        found = await self._find(self._limit + len(self._running))
        fresh = [key for key in found if key not in self._running]
        for key in fresh[: self._limit - len(self._running)]:
            self._running[key] = asyncio.create_task(self._one(key))
        if not self._running and not self._wake.is_set():
            self.resting.set()
        await self._rest(self._wake)
        self.resting.clear()

    async def _one(self, key: Key) -> None:
        try:
            await self._run(key)
        finally:
            self._running.pop(key, None)
            self.wake()
