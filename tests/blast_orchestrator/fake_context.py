"""Runs an orchestrator without an engine: tasks complete at once, and the clock moves by itself."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from blast_orchestrator.context import Context, Task, Timer
from tests.support.samples import NOON


@dataclass
class Pending:
    """A task of the fake context: what it waits for, and whether that has happened."""

    what: str
    detail: Any = None
    is_completed: bool = False
    cancelled: bool = False
    members: Sequence[Any] = ()

    def cancel(self) -> None:
        self.cancelled = True


Activity = Callable[[str, dict[str, Any]], Any]
MOST_ROWS = 400
"""Rows of history that a generation may have."""


@dataclass
class FakeContext:
    """Runs an orchestrator. `activity` answers, or raises; each of `events` is delivered once."""

    activity: Activity
    events: Sequence[datetime] = ()
    now: datetime = NOON
    statuses: list[Any] = field(default_factory=list)
    timers: list[Pending] = field(default_factory=list)
    generations: int = 1
    steps: list[int] = field(default_factory=lambda: [0])
    """The activities of each generation."""
    rows: list[int] = field(default_factory=lambda: [0])
    """The rows of history of each generation, by the most that its tasks can leave."""
    inputs: list[Any] = field(default_factory=list)
    """The input of each generation."""
    _next_input: Any = None
    _event: Pending | None = None
    _delivered: int = 0

    def run(self, orchestrator: Callable[[Context], Generator[Task, Any, Any]], start: Any) -> Any:
        """The orchestrator's output, through as many generations as it takes."""
        self.inputs.append(start)
        while True:
            self._next_input = None
            output = self._run_generation(orchestrator(self))
            assert self.rows[-1] < MOST_ROWS
            if self._next_input is None:
                return output
            self.inputs.append(self._next_input)
            self.generations += 1
            self.steps.append(0)
            self.rows.append(0)

    def _run_generation(self, steps: Generator[Any, Any, Any]) -> Any:
        value: Any = None
        failure: Exception | None = None
        while True:
            try:
                task = steps.throw(failure) if failure else steps.send(value)
            except StopIteration as end:
                return end.value
            value, failure = None, None
            try:
                value = self._result_of(task)
            except Exception as error:  # noqa: BLE001  the SDK raises no other type either
                failure = Exception(str(error))

    def _result_of(self, task: Pending) -> Any:
        if task.what == "activity":
            self.steps[-1] += 1
            self.rows[-1] += 4  # scheduled, completed, and the orchestrator's start and end
            value = self.activity(*task.detail)
            self._deliver()
            return value
        if task.what == "all":
            return [self._result_of(member) for member in task.members]
        self.rows[-1] += 4  # created, fired, and the orchestrator's start and end
        timer, event = task.members
        comes = next(iter(self.events[self._delivered :]), None)
        if comes is not None and not event.is_completed and comes <= timer.detail:
            self.now = max(self.now, comes)
            self._deliver()
            return event
        self.now = max(self.now, timer.detail)
        return timer

    def _deliver(self) -> None:
        come = sum(at <= self.now for at in self.events)
        if self._event and come > self._delivered:
            self._event.is_completed, self._delivered = True, come

    # The context, as the orchestrator sees it.

    @property
    def current_utc_datetime(self) -> datetime:
        return self.now

    def get_input(self) -> Any:
        return self.inputs[-1]

    def call_activity(self, name: str, input_: Any) -> Task:
        return Pending("activity", (str(name), input_))

    def create_timer(self, fire_at: datetime) -> Timer:
        self.timers.append(Pending("timer", fire_at))
        return self.timers[-1]

    def wait_for_external_event(self, name: str) -> Task:
        self._event = Pending("event", name)
        return self._event

    def task_any(self, tasks: Sequence[Task]) -> Task:
        return Pending("any", members=tasks)

    def task_all(self, tasks: Sequence[Task]) -> Task:
        return Pending("all", members=tasks)

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def continue_as_new(self, input_: Any) -> None:
        self._next_input = input_


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
