"""The host's time: the current instant, and waiting for one."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


def stamp(instant: datetime) -> str:
    """`2030-01-01T00:00:00.000000Z`: sorts as text in the order of time."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The UTC instant of `text` (ISO 8601); without an offset, `text` is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Clock(Protocol):
    """The host's source of time."""

    def now(self) -> datetime: ...

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        """Return when `wake` is set or at `until`; None waits for `wake` alone."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        seconds = None if until is None else max(0.0, (until - self.now()).total_seconds())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), seconds)


class ManualClock:
    """A clock that a test moves, so that no test waits for a timer."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = start
        self._sleepers: dict[asyncio.Event, datetime | None] = {}
        self._sleepers_changed = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock forward and wake all waiters."""
        self.advance_to(self._now + by)

    def advance_to(self, then: datetime) -> None:
        """Move the clock to `then`; it never moves back."""
        self._now = max(self._now, then)
        for wake in self._sleepers:
            wake.set()

    async def wait(self, wake: asyncio.Event, until: datetime | None) -> None:
        if until is not None and until <= self._now:
            return
        self._sleepers[wake] = until
        self._sleepers_changed.set()
        try:
            await wake.wait()
        finally:
            self._sleepers.pop(wake, None)

    async def awaited(self, then: datetime) -> None:
        """Return once a waiter waits for `then`."""
        while then not in self._sleepers.values():
            self._sleepers_changed.clear()
            await self._sleepers_changed.wait()
