"""Values that are made by whoever asks first, for everybody who asks meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value that is made when it is first asked for: by one of those who ask, however many."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._lock = threading.Lock()
        self._made = cache(make)
        self.cache_clear = self._made.cache_clear

    def __call__(self) -> T:
        with self._lock:
            return self._made()


@dataclass(frozen=True)
class CacheEntry(Generic[T]):
    """A value as it was made once; a later one has a higher number."""

    value: T
    number: int
    started_at: float
    """When its making began, by the monotonic clock: it may be as old as that."""


class SingleFlightCache(Generic[T]):
    """One value at a time is kept, and one at a time is made (a single flight).

    What making it raises is raised to everybody who waits for it; the next who asks makes it anew.
    """

    def __init__(self, make: Callable[[], T], monotonic: Callable[[], float]) -> None:
        self._make = make
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: CacheEntry[T] | None = None
        self._flight: Future[CacheEntry[T]] | None = None
        self._number = 0

    def get_fresh(self, age: timedelta) -> CacheEntry[T]:
        """The value that is kept, if it is at most so old; else the one that is being made."""
        return self._get_or_create(
            lambda kept: self._monotonic() - kept.started_at <= age.total_seconds()
        )

    def get_newer(self, edition: CacheEntry[T]) -> CacheEntry[T]:
        """A later edition than this one, made unless somebody has made it meanwhile."""
        return self._get_or_create(lambda kept: kept.number > edition.number)

    def _get_or_create(self, suits: Callable[[CacheEntry[T]], bool]) -> CacheEntry[T]:
        with self._lock:
            if self._kept and suits(self._kept):
                return self._kept
            flight, is_mine = self._flight or Future(), self._flight is None
            self._flight = flight
        if is_mine:
            self._run_flight(flight)
        return flight.result()

    def _run_flight(self, flight: Future[CacheEntry[T]]) -> None:
        began = self._monotonic()
        try:
            value = self._make()
        except BaseException as error:  # noqa: BLE001
            # Whatever it is, those who wait must hear of it, or they would wait for ever.
            self._store(None)
            flight.set_exception(error)
        else:
            self._number += 1
            made = CacheEntry(value, self._number, began)
            self._store(made)
            flight.set_result(made)

    def _store(self, made: CacheEntry[T] | None) -> None:
        with self._lock:
            self._kept, self._flight = made or self._kept, None
