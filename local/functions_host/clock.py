"""Time, as the host knows it: what the clock says, and how to wait for an instant."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


def stamp(instant: datetime) -> str:
    """`2030-01-01T00:00:00.000000Z`: sorts as text in the order of time."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The aware UTC instant that `text` (ISO 8601) names; without an offset it is UTC."""
    read = datetime.fromisoformat(text)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


class Clock(Protocol):
    """Where the host takes its time from."""

    def now(self) -> datetime: ...

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        """Return when `wake` is set or the clock says `until`; None waits for `wake` alone."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        seconds = None if until is None else max(0.0, (until - self.now()).total_seconds())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), seconds)


class ManualClock:
    """A clock that stands still until it is moved, so that a test waits for no timer."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = start
        self._sleepers: dict[asyncio.Event, datetime | None] = {}
        self._news = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock on, and wake whoever waits, to look at it."""
        self.advance_to(self._now + by)

    def advance_to(self, then: datetime) -> None:
        """Move the clock to `then`; it never goes back."""
        self._now = max(self._now, then)
        for wake in self._sleepers:
            wake.set()

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        if until is not None and until <= self._now:
            return
        self._sleepers[wake] = until
        self._news.set()
        try:
            await wake.wait()
        finally:
            self._sleepers.pop(wake, None)

    async def awaited(self, then: datetime) -> None:
        """Return once somebody waits for `then`."""
        while then not in self._sleepers.values():
            self._news.clear()
            await self._news.wait()
