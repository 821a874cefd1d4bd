"""Timer triggers: six-field NCRONTAB in UTC."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import azure.functions as func
from croniter import CroniterBadCronError, croniter

from local.functions_host.clock import Clock
from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.settings import CannotStart

PAST_DUE = timedelta(seconds=1)


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

    def __post_init__(self) -> None:
        try:
            self.next_after(self.clock.now())
        except CroniterBadCronError as fault:
            schedule = self.function.trigger["schedule"]
            said = f"the function {self.function.name} has no schedule in {schedule!r}: {fault}"
            raise CannotStart(said) from fault

    def next_after(self, then: datetime) -> datetime:
        """The next instant of the schedule."""
        schedule = self.function.trigger["schedule"]
        found: datetime = croniter(schedule, then, second_at_beginning=True).get_next(datetime)
        return found

    async def run(self) -> None:
        """Run the function whenever it is due, until cancelled."""
        if self.function.trigger.get("runOnStartup"):
            await self.fire(past_due=False)
        while True:
            due = self.next_after(self.clock.now())
            while self.clock.now() < due:
                await self.clock.wait(asyncio.Event(), due)
            await self.fire(past_due=self.clock.now() - due > PAST_DUE)

    async def fire(self, past_due: bool) -> None:
        """Run the function now. A crash of it is logged, and does not end the schedule."""
        with contextlib.suppress(Exception):  # which the invoker has logged
            await self.invoker.call(self.function, "", Timer(past_due))
