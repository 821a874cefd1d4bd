"""Quotas per caller: request rate and number of active jobs."""

from collections.abc import Callable
from datetime import timedelta

from shared.contracts.job import Caller
from shared.errors import TooMany
from shared.jobs import Index
from shared.util.durations import Rate
from shared.util.recent import Recent

MAX_TRACKED_CALLERS = 10_000
"""Beyond this many, the caller with the oldest last request is dropped."""
ACTIVE_LIMIT_RETRY_AFTER = timedelta(minutes=1)
"""Retry-After of `too_many_active`: jobs end after minutes or hours."""


class RateLimiter:
    """A token bucket per caller: each request takes a token, and tokens refill with time.

    Buckets are per process: N instances of the app allow N times the rate.
    """

    def __init__(self, rate: Rate, monotonic: Callable[[], float]) -> None:
        self._capacity = rate.limit
        self._seconds_per_token = rate.period.total_seconds() / rate.limit
        self._monotonic = monotonic
        self._buckets = Recent[str, tuple[float, float]](MAX_TRACKED_CALLERS)
        """By caller id: tokens and the time of the last request."""

    def check(self, caller: Caller) -> None:
        """Count a request. Raises TooMany with the time until the next token."""
        now = self._monotonic()
        tokens, updated_at = self._buckets.get(caller.id) or (float(self._capacity), now)
        refilled = tokens + (now - updated_at) / self._seconds_per_token
        tokens = min(refilled, self._capacity)
        has_token = tokens >= 1
        self._buckets.put(caller.id, (tokens - has_token, now))
        if not has_token:
            wait = timedelta(seconds=(1 - tokens) * self._seconds_per_token)
            message = (
                f"more than {self._capacity} requests at once: send the next one after Retry-After"
            )
            raise TooMany("rate_exceeded", message, wait)


async def check_active_limit(index: Index, caller: Caller, max_active_jobs: int) -> None:
    """Raise TooMany if the caller has `max_active_jobs` active jobs. A batch counts as one job.

    Two concurrent requests can both pass the check, so a caller can exceed the limit slightly.
    """
    if await index.count_active(caller, max_active_jobs) >= max_active_jobs:
        message = (
            f"you have {max_active_jobs} active searches, which is the limit:"
            " wait until one of them has ended"
        )
        raise TooMany("too_many_active", message, ACTIVE_LIMIT_RETRY_AFTER)
