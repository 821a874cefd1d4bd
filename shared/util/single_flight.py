"""Values that one caller creates while all others wait for it (single flight)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from shared.util.job_scope import job_scope

T = TypeVar("T")


@dataclass(frozen=True)
class CacheEntry(Generic[T]):
    """One created value. Later values have higher numbers."""

    value: T
    number: int
    started_at: float
    """When its creation started, on the monotonic clock. The value is at most as old as that."""


class SingleFlightCache(Generic[T]):
    """Caches one value. It is created by one task; all callers wait for the result.

    An exception of `make` is raised to all waiting callers and is not cached. A caller that is
    cancelled leaves the task to the others.
    """

    def __init__(self, make: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._make = make
        self._monotonic = monotonic
        self._cached: CacheEntry[T] | None = None
        self._flight: asyncio.Task[CacheEntry[T]] | None = None
        self._number = 0

    async def get_fresh(self, age: timedelta) -> CacheEntry[T]:
        """The cached value if its age is at most `age`, else a new one."""
        return await self._get_or_create(
            lambda cached: self._monotonic() - cached.started_at <= age.total_seconds()
        )

    async def get_newer(self, entry: CacheEntry[T]) -> CacheEntry[T]:
        """A value that is newer than `entry`. Created only if no other caller has done so."""
        return await self._get_or_create(lambda cached: cached.number > entry.number)

    async def _get_or_create(self, is_usable: Callable[[CacheEntry[T]], bool]) -> CacheEntry[T]:
        if self._cached and is_usable(self._cached):
            return self._cached
        if self._flight is None:
            self._flight = asyncio.create_task(self._create())
        return await asyncio.shield(self._flight)

    async def _create(self) -> CacheEntry[T]:
        started_at = self._monotonic()
        try:
            with job_scope(None):  # the value is for other jobs, too
                value = await self._make()
            self._number += 1
            self._cached = CacheEntry(value, self._number, started_at)
            return self._cached
        finally:
            self._flight = None
