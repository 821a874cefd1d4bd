"""Limits on starting commands: concurrency and rate."""

import math
from collections.abc import Callable

from sidecar.responses import Refusal

BUSY_RETRY_AFTER = 5
"""Retry-After in seconds when every slot is taken."""


class Admission:
    """A token bucket (`rate_per_minute`) and `max_concurrency` slots.

    `clock` returns monotonic seconds.
    """

    def __init__(
        self, max_concurrency: int, rate_per_minute: int, clock: Callable[[], float]
    ) -> None:
        self.max_concurrency = max_concurrency
        self._rate = rate_per_minute
        self._clock = clock
        self._allowance = float(rate_per_minute)
        self._refilled = clock()
        self._inside = 0
        self._closed = False
        self._paused = False

    def enter(self) -> None:
        """Take a slot; release it with `leave`. Raises Refusal 429 (rate) or 503 (no free slot)."""
        self._refill()
        if self._allowance < 1:
            seconds = math.ceil((1 - self._allowance) * 60 / self._rate)
            raise Refusal(429, "too many commands", seconds, retry_after_seconds=seconds)
        self._allowance -= 1
        if self._closed or self._paused or self._inside >= self.max_concurrency:
            raise Refusal(
                503, "exec server busy", BUSY_RETRY_AFTER, max_concurrency=self.max_concurrency
            )
        self._inside += 1

    def leave(self) -> None:
        self._inside -= 1

    def close(self) -> None:
        """Admit no more commands, for good."""
        self._closed = True

    def pause(self) -> None:
        """Admit no commands until `resume`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def _refill(self) -> None:
        now = self._clock()
        earned = (now - self._refilled) * self._rate / 60
        self._allowance = min(self._rate, self._allowance + earned)
        self._refilled = now
