"""Quotas per caller: request rate and number of active jobs."""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.contracts.job import Caller
from shared.errors import TooMany
from shared.jobs import Index
from shared.util.durations import Rate
from shared.util.recent import Recent

MAX_TRACKED_CALLERS = 10_000
"""Beyond this many, the caller with the oldest last request is dropped."""
COUNT_LIFETIME = timedelta(seconds=1)
"""How long a count of a caller's active jobs is good for more than one new job."""
SPARE_SHARE = 0.1
"""Of the room that a count has found: what may be used without another count. Where the room is
less than ten jobs, each is preceded by a count."""
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


class ActiveLimit:
    """Refuses a caller's next job beyond a number of active ones, without a count before each.

    A count reads a row of each active job. The room that it finds is good for some more jobs, for
    a moment: other processes, which do not know of those, exceed the limit by that share at most.
    """

    def __init__(self, index: Index, now: Callable[[], datetime]) -> None:
        self._index = index
        self._now = now
        self._spare = Recent[str, tuple[int, datetime]](MAX_TRACKED_CALLERS)
        """By caller id: the jobs that need no count, and the time of the last one."""

    async def check(self, caller: Caller, max_active_jobs: int) -> None:
        """Raise TooMany if the caller has `max_active_jobs` active jobs, else add a new one."""
        known, now = self._spare.get(caller.id), self._now()
        if not (known and known[0] and abs(now - known[1]) < COUNT_LIFETIME):
            active = await check_active_limit(self._index, caller, max_active_jobs)
            if self._spare.get(caller.id) is known:  # else it knows not all jobs of this process
                spare = int((max_active_jobs - active) * SPARE_SHARE)
                self._spare.put(caller.id, (1 + spare, now))
        self.add(caller)

    def add(self, caller: Caller) -> None:
        """Take account of a new job of the caller, also of one that is allowed otherwise."""
        spare, counted_at = self._spare.get(caller.id) or (0, self._now())
        self._spare.put(caller.id, (max(0, spare - 1), counted_at))


async def check_active_limit(index: Index, caller: Caller, max_active_jobs: int) -> int:
    """The caller's active jobs; raises TooMany if they are `max_active_jobs`. A batch counts as
    one job.

    Two concurrent requests can both pass the check, so a caller can exceed the limit slightly.
    """
    active = await index.count_active(caller, max_active_jobs)
    if active >= max_active_jobs:
        message = (
            f"you have {max_active_jobs} active searches, which is the limit:"
            " wait until one of them has ended"
        )
        raise TooMany("too_many_active", message, ACTIVE_LIMIT_RETRY_AFTER)
    return active
