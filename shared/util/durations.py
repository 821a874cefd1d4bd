"""Durations, rates, poll schedules and retry policies as values. Pure: no clock is read."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MAX_RETRY_AFTER = timedelta(minutes=15)
"""A server's Retry-After lengthens a delay up to this; so one server cannot stop a job."""


def parse_duration(text: str) -> timedelta:
    """`500ms`, `2s`, `15m`, `6h` or `90d` as a timedelta. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,8}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 2s, 15m, 6h or 90d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


@dataclass(frozen=True)
class Rate:
    """At most `limit` events per `period`; after an idle period all of them may come at once."""

    limit: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """`600/1m` is 600 per minute on average. Raises ValueError."""
        match = re.fullmatch(r"([1-9][0-9]*)/(\S+)", text)
        if match is None or not parse_duration(match[2]):
            raise ValueError(f"{text!r} is not of the form `600/1m`")
        return cls(int(match[1]), parse_duration(match[2]))


@dataclass(frozen=True)
class PollSchedule:
    """The poll interval by a search's age: rows of `(interval, age)`; the last age has no end."""

    rows: tuple[tuple[timedelta, timedelta], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`2s/10s 60s` is every 2 s until an age of 10 s, then every 60 s. Raises ValueError."""
        *bounded, last = text.split() or [""]
        pairs = [row.partition("/")[::2] for row in bounded]
        rows = [(parse_duration(interval), parse_duration(age)) for interval, age in pairs]
        ages = [age for _, age in rows]
        if ages != sorted(set(ages)):
            raise ValueError(f"the ages in {text!r} must grow from left to right")
        rows.append((parse_duration(last), timedelta.max))
        if not all(interval for interval, _ in rows):
            raise ValueError(f"the intervals in {text!r} must be longer than 0")
        return cls(tuple(rows))

    def delay_at_age(self, age: timedelta) -> timedelta:
        """The delay until the next poll of a search of this age."""
        return next(interval for interval, end in self.rows if age < end)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff of one failure category.

    `tries` counts the first try, too; None means until the job's deadline.
    """

    first: timedelta
    factor: float
    longest: timedelta
    tries: int | None

    def delay_after_attempt(
        self, tries: int, retry_after: timedelta | None = None
    ) -> timedelta | None:
        """The delay after so many failed tries (1 or more); None after the last one.

        A server's `retry_after` lengthens the delay, up to MAX_RETRY_AFTER, and never shortens it.
        """
        if self.tries is not None and tries >= self.tries:
            return None
        # The exponent is bounded so that the thousandth try does not overflow.
        growth = self.factor ** min(tries - 1, 64)
        backoff = min(self.first.total_seconds() * growth, self.longest.total_seconds())
        requested = min(retry_after or timedelta(0), MAX_RETRY_AFTER)
        return max(timedelta(seconds=backoff), requested)

    def first_delay(self, retry_after: timedelta | None = None) -> timedelta:
        """The delay after the first failed try, also where no other would follow.

        For failures that cannot be counted, as the store of the counts does not answer.
        """
        return self.delay_after_attempt(1, retry_after) or self.first

    def delay_after_elapsed(self, waited: timedelta) -> timedelta:
        """The next delay after a total wait of `waited`, for waits whose tries are not counted.

        It grows as fast as the delays between tries: their sum times `factor - 1`.
        """
        grown = waited * (self.factor - 1)
        return min(max(self.first, grown), self.longest)
