"""Timer triggers: six-field NCRONTAB in UTC."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import azure.functions as func
from croniter import CroniterBadCronError, croniter

from local.functions_host.clock import Clock
from local.functions_host.durable.engine import Engine
from local.functions_host.durable.store import Store
from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.settings import CannotStart

PAST_DUE = timedelta(seconds=1)
SHORTEST_MONITORED = timedelta(minutes=1)
"""A timer that runs more often does not make up for a run it missed (source: Azure's docs)."""


class Timer(func.TimerRequest):
    """What a timer function is handed."""

    def __init__(self, past_due: bool) -> None:
        self._past_due = past_due

    @property
    def past_due(self) -> bool:
        return self._past_due


@dataclass(frozen=True)
class TimerTrigger:
    """Runs one function by its schedule, never twice at a time."""

    function: Function
    invoker: Invoker
    clock: Clock
    engine: Engine
    store: Store
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        try:
            self.next_after(self.clock.now())
        except CroniterBadCronError as fault:
            schedule = self.function.trigger["schedule"]
            text = f"{self.function.described} has no schedule in {schedule!r}: {fault}"
            raise CannotStart(text) from fault

    def next_after(self, then: datetime) -> datetime:
        """The next instant of the schedule."""
        schedule = self.function.trigger["schedule"]
        found: datetime = croniter(schedule, then, second_at_beginning=True).get_next(datetime)
        return found

    async def run(self) -> None:
        """Run the function whenever it is due, until cancelled; first of all what was missed."""
        missed = await self._missed()
        if missed or self.function.trigger.get("runOnStartup"):
            await self.fire(past_due=missed)
        while True:
            due = self.next_after(self.clock.now())
            await self.engine.ask(self.store.plan_run, self.function.name, due)
            while self.clock.now() < due:
                await self.clock.wait(asyncio.Event(), due)
            await self.fire(past_due=self.clock.now() - due > PAST_DUE)

    async def fire(self, past_due: bool) -> None:
        """Run the function, once it does not run. A crash of it does not end the schedule."""
        async with self.alone:
            with contextlib.suppress(Exception):  # which the invoker has logged
                await self.invoker.call(self.function, "", Timer(past_due))

    async def by_hand(self, text: str) -> None:
        """Run the function now, on somebody's word."""
        await self.fire(past_due=False)

    async def _missed(self) -> bool:
        """Whether a run was due while no host ran."""
        now = self.clock.now()
        following = self.next_after(now)
        often = self.next_after(following) - following < SHORTEST_MONITORED
        if often or self.function.trigger.get("useMonitor") is False:
            return False
        planned = await self.engine.ask(self.store.next_run, self.function.name)
        return planned is not None and planned <= now
