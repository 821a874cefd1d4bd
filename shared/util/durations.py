"""Waiting is arithmetic: how long until the next look or the next try. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MAX_RETRY_AFTER = timedelta(minutes=15)
"""A server's wish for a longer wait is heard up to here."""
LARGEST_FACTOR = 100


def duration(text: str) -> timedelta:
    """`500ms`, `2s`, `15m`, `6h` or `90d` as a timedelta. Raises ValueError, naming the text."""
    match = re.fullmatch(r"(\d{1,8}(?:\.\d{1,9})?)(ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 500ms, 2s, 15m, 6h or 90d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


@dataclass(frozen=True)
class Rate:
    """At most so many in a while; whoever was silent for so long may use them all at once."""

    limit: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """`600/1m`: at most 600 in any minute, on the average."""
        match = re.fullmatch(r"([1-9]\d*)/(\S+)", text)
        if match is None or not duration(match[2]):
            raise ValueError(f"{text!r} is not of the form `600/1m`")
        return cls(int(match[1]), duration(match[2]))


@dataclass(frozen=True)
class PollSchedule:
    """How often a search is looked at, by its age: `(every, until)`; the last row has no end."""

    rows: tuple[tuple[timedelta, timedelta], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`2s/10s 5s/70s 60s`: every 2 s until 10 s old, every 5 s until 70 s, then every 60 s."""
        *bounded, last = text.split() or [""]
        pairs = [row.partition("/")[::2] for row in bounded]
        rows = [(duration(every), duration(until)) for every, until in pairs]
        if [until for _, until in rows] != sorted({until for _, until in rows}):
            raise ValueError(f"the ages in {text!r} must grow from left to right")
        rows.append((duration(last), timedelta.max))
        if not all(every for every, _ in rows):
            raise ValueError(f"{text!r} must leave a pause between any two looks")
        return cls(tuple(rows))

    def delay_at_age(self, age: timedelta) -> timedelta:
        """The wait until the next look at a search of this age."""
        return next(every for every, until in self.rows if age < until)


@dataclass(frozen=True)
class RetryPolicy:
    """Retry options of one category. `tries` is None where only the job's deadline ends them."""

    first: timedelta
    factor: float
    longest: timedelta
    tries: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`15s x2 5m 8`: first wait, factor, longest wait, tries (or `-` for no limit)."""
        match = re.fullmatch(r"(\S+) x(\d+(?:\.\d+)?) (\S+) (\d+|-)", text)
        if match is None:
            raise ValueError(f"{text!r} is not of the form `15s x2 5m 8` or `60s x1.5 15m -`")
        tries = None if match[4] == "-" else int(match[4])
        options = cls(duration(match[1]), float(match[2]), duration(match[3]), tries)
        if not 1 <= options.factor <= LARGEST_FACTOR:
            raise ValueError(f"the factor in {text!r} must be from 1 to {LARGEST_FACTOR}")
        if not (options.first and options.longest and tries != 0):
            raise ValueError(f"{text!r} must allow a try, and leave a pause before the next one")
        return options

    def delay_after_attempt(
        self, tried: int, retry_after: timedelta | None = None
    ) -> timedelta | None:
        """The wait after `tried` tries (1 or more), or None when there are no more.

        A server's wish lengthens the wait, up to LONGEST_WISH, and never shortens it.
        """
        if self.tries is not None and tried >= self.tries:
            return None
        # The exponent is bounded so that the thousandth try does not overflow.
        growth = self.factor ** min(tried - 1, 64)
        own = min(self.first.total_seconds() * growth, self.longest.total_seconds())
        wished = min(retry_after or timedelta(0), MAX_RETRY_AFTER)
        return max(timedelta(seconds=own), wished)

    def delay_after_elapsed(self, waited: timedelta) -> timedelta:
        """The next wait of someone who has waited so long; it grows as the tries' waits do."""
        grown = waited * (self.factor - 1)
        return min(max(self.first, grown), self.longest)
