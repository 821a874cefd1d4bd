"""Values that are made by whoever asks first, for everybody who asks meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is made when it is first asked for: by one of those who ask, however many."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._lock = threading.Lock()
        self._made = cache(make)
        self.cache_clear = self._made.cache_clear

    def __call__(self) -> T:
        with self._lock:
            return self._made()


@dataclass(frozen=True)
class Edition(Generic[T]):
    """A value as it was made once; a later one has a higher number."""

    value: T
    number: int
    began: float
    """When its making began, by the monotonic clock: it may be as old as that."""


class Shared(Generic[T]):
    """One value at a time is kept, and one at a time is made (a single flight).

    What making it raises is raised to everybody who waits for it; the next who asks makes it anew.
    """

    def __init__(self, make: Callable[[], T], monotonic: Callable[[], float]) -> None:
        self._make = make
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: Edition[T] | None = None
        self._flight: Future[Edition[T]] | None = None
        self._number = 0

    def within(self, age: timedelta) -> Edition[T]:
        """The value that is kept, if it is at most so old; else the one that is being made."""
        return self._one(lambda kept: self._monotonic() - kept.began <= age.total_seconds())

    def after(self, edition: Edition[T]) -> Edition[T]:
        """A later edition than this one, made unless somebody has made it meanwhile."""
        return self._one(lambda kept: kept.number > edition.number)

    def _one(self, suits: Callable[[Edition[T]], bool]) -> Edition[T]:
        with self._lock:
            if self._kept and suits(self._kept):
                return self._kept
            flight, is_mine = self._flight or Future(), self._flight is None
            self._flight = flight
        if is_mine:
            self._fly(flight)
        return flight.result()

    def _fly(self, flight: Future[Edition[T]]) -> None:
        began = self._monotonic()
        try:
            value = self._make()
        except BaseException as error:  # noqa: BLE001
            # Whatever it is, those who wait must hear of it, or they would wait for ever.
            self._land(None)
            flight.set_exception(error)
        else:
            self._number += 1
            made = Edition(value, self._number, began)
            self._land(made)
            flight.set_result(made)

    def _land(self, made: Edition[T] | None) -> None:
        with self._lock:
            self._kept, self._flight = made or self._kept, None
