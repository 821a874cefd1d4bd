"""What one caller may take, so that enough is left for the others: requests, and active jobs."""

import threading
from collections.abc import Callable
from datetime import timedelta

from shared.contracts.job import Caller
from shared.errors import TooMany
from shared.jobs import Index
from shared.util.durations import Rate

MAX_TRACKED_CALLERS = 10_000
"""Of whom the requests are counted; whoever was silent for longest is forgotten first."""
PAUSE = timedelta(minutes=1)
"""Told to who has too many active jobs: they end after minutes or hours."""


class RateLimiter:
    """A bucket of tokens for each caller: a request takes one, time puts them back.

    They are those of this process: with several instances of the app a caller has as many buckets.
    """

    def __init__(self, rate: Rate, monotonic: Callable[[], float]) -> None:
        self._most = rate.limit
        self._seconds_each = rate.period.total_seconds() / rate.limit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}
        """Tokens that were left, and when; in the order of the callers' last requests."""

    def check(self, caller: Caller) -> None:
        """Count a request. Raises TooMany with the time until there is a token again."""
        now = self._monotonic()
        with self._lock:
            left, then = self._left.pop(caller.id, (float(self._most), now))
            left = min(left + (now - then) / self._seconds_each, self._most)
            has_one = left >= 1
            self._left[caller.id] = (left - has_one, now)
            if len(self._left) > MAX_TRACKED_CALLERS:
                del self._left[next(iter(self._left))]
        if not has_one:
            wait = timedelta(seconds=(1 - left) * self._seconds_each)
            raise TooMany("rate_exceeded", "too many requests at once; go on more slowly", wait)


def check_active_limit(index: Index, caller: Caller, most: int) -> None:
    """Raises TooMany where the caller has `most` active jobs; a batch of searches is one.

    Two that ask at once may both be given the last place: it is a share, not a promise.
    """
    if index.count_active(caller, most) >= most:
        text = f"you have {most} searches that have not ended; wait for one of them"
        raise TooMany("too_many_active", text, PAUSE)
