"""Values that one thread creates while all other callers wait for it (single flight)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class CacheEntry(Generic[T]):
    """One created value. Later values have higher numbers."""

    value: T
    number: int
    started_at: float
    """When its creation started, on the monotonic clock. The value is at most as old as that."""


class SingleFlightCache(Generic[T]):
    """Caches one value. At most one thread creates it; the others wait for the result.

    An exception of `make` is raised to all waiting callers and is not cached.
    """

    def __init__(self, make: Callable[[], T], monotonic: Callable[[], float]) -> None:
        self._make = make
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: CacheEntry[T] | None = None
        self._flight: Future[CacheEntry[T]] | None = None
        self._number = 0

    def get_fresh(self, age: timedelta) -> CacheEntry[T]:
        """The cached value if its age is at most `age`, else a new one."""
        return self._get_or_create(
            lambda cached: self._monotonic() - cached.started_at <= age.total_seconds()
        )

    def get_newer(self, entry: CacheEntry[T]) -> CacheEntry[T]:
        """A value that is newer than `entry`. Created only if no other caller has done so."""
        return self._get_or_create(lambda cached: cached.number > entry.number)

    def _get_or_create(self, is_usable: Callable[[CacheEntry[T]], bool]) -> CacheEntry[T]:
        with self._lock:
            if self._cached and is_usable(self._cached):
                return self._cached
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
            # Also KeyboardInterrupt and SystemExit, or the waiting callers would wait forever.
            self._store(None)
            flight.set_exception(error)
        else:
            self._number += 1
            entry = CacheEntry(value, self._number, began)
            self._store(entry)
            flight.set_result(entry)

    def _store(self, entry: CacheEntry[T] | None) -> None:
        with self._lock:
            self._cached, self._flight = entry or self._cached, None


class lazy_property(Generic[T]):
    """A property that is created on first use, once per object, and then kept.

    Of concurrent first callers one creates it, and the others wait for the same value or get the
    same exception; functools.cached_property would create it in each of them. An exception is not
    kept: the next caller tries again.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        # The value is stored under the property's own name, so that Python finds it there first:
        # this method runs until the value exists. `setdefault` of a dict is atomic.
        stored = vars(instance)
        flight: SingleFlightCache[T] = stored.setdefault(
            f"{self._name} in creation",
            SingleFlightCache(partial(self._make, instance), time.monotonic),
        )
        value = stored[self._name] = flight.get_fresh(timedelta.max).value
        return value
