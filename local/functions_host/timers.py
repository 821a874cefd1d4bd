"""Timer triggers: six-field NCRONTAB in UTC."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import azure.functions as func
from croniter import CroniterBadCronError, croniter

from local.functions_host.clock import Clock
from local.functions_host.durable.engine import Engine
from local.functions_host.durable.store import DurableStore
from local.functions_host.functions import Function
from local.functions_host.invoker import Invoker
from local.functions_host.settings import CannotStart

PAST_DUE = timedelta(seconds=1)
SHORTEST_MONITORED = timedelta(minutes=1)
"""A more frequent timer does not catch up on a missed run (source: Azure's documentation)."""


class FunctionTimerRequest(func.TimerRequest):
    """The argument of a timer function."""

    def __init__(self, past_due: bool) -> None:
        self._past_due = past_due

    @property
    def past_due(self) -> bool:
        return self._past_due


@dataclass(frozen=True)
class TimerTrigger:
    """Runs one function by its schedule, never twice at the same time."""

    function: Function
    invoker: Invoker
    clock: Clock
    engine: Engine
    store: DurableStore
    _running_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        try:
            self.next_after(self.clock.now())
        except CroniterBadCronError as fault:
            schedule = self.function.trigger["schedule"]
            text = f"{self.function.described} has an invalid schedule {schedule!r}: {fault}"
            raise CannotStart(text) from fault

    def next_after(self, then: datetime) -> datetime:
        """The next instant of the schedule after `then`."""
        schedule = self.function.trigger["schedule"]
        next_run: datetime = croniter(schedule, then, second_at_beginning=True).get_next(datetime)
        return next_run

    async def run(self) -> None:
        """Run the function at each due time, until cancelled; catch up on a missed run first."""
        missed = await self._missed()
        if missed or self.function.trigger.get("runOnStartup"):
            await self.fire(past_due=missed)
        while True:
            due = self.next_after(self.clock.now())
            await self.engine.call_store(self.store.plan_run, self.function.name, due)
            while self.clock.now() < due:
                await self.clock.wait(asyncio.Event(), due)
            await self.fire(past_due=self.clock.now() - due > PAST_DUE)

    async def fire(self, past_due: bool) -> None:
        """Wait for a running call, then run the function. Its crash does not end the schedule."""
        async with self._running_lock:
            with contextlib.suppress(Exception):  # logged by the invoker
                await self.invoker.call(self.function, "", FunctionTimerRequest(past_due))

    async def run_manually(self, text: str) -> None:
        """Run the function now."""
        await self.fire(past_due=False)

    async def _missed(self) -> bool:
        """Whether a run was due while no host was running."""
        now = self.clock.now()
        following = self.next_after(now)
        is_frequent = self.next_after(following) - following < SHORTEST_MONITORED
        if is_frequent or self.function.trigger.get("useMonitor") is False:
            return False
        planned = await self.engine.call_store(self.store.next_run, self.function.name)
        return planned is not None and planned <= now
