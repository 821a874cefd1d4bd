"""Tells a story without an engine: tasks complete at once, and the clock moves by itself."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from blast_orchestrator.context import Context, Task, Timer
from tests.support.samples import NOON


@dataclass
class Pending:
    """A task of the test context: what it waits for, and whether that has come."""

    what: str
    detail: Any = None
    is_completed: bool = False
    cancelled: bool = False
    members: Sequence[Any] = ()

    def cancel(self) -> None:
        self.cancelled = True


Activity = Callable[[str, dict[str, Any]], Any]


@dataclass
class Telling:
    """Runs a story. `activity` answers, or raises; `events` come then, and are heard once."""

    activity: Activity
    events: Sequence[datetime] = ()
    now: datetime = NOON
    statuses: list[Any] = field(default_factory=list)
    timers: list[Pending] = field(default_factory=list)
    lives: int = 1
    steps_in_life: list[int] = field(default_factory=lambda: [0])
    _input: Any = None
    _next_input: Any = None
    _event: Pending | None = None
    _heard: int = 0

    def tell(self, story: Callable[[Context], Generator[Task, Any, Any]], start: Any) -> Any:
        """The story's output, through as many lives as it takes."""
        self._input = start
        while True:
            self._next_input = None
            output = self._one_life(story(self))
            if self._next_input is None:
                return output
            self._input = self._next_input
            self.lives += 1
            self.steps_in_life.append(0)

    def _one_life(self, story: Generator[Any, Any, Any]) -> Any:
        value: Any = None
        died: Exception | None = None
        while True:
            try:
                task = story.throw(died) if died else story.send(value)
            except StopIteration as end:
                return end.value
            value, died = None, None
            try:
                value = self._result_of(task)
            except Exception as error:  # noqa: BLE001  an activity's death, as the SDK tells it
                died = Exception(str(error))

    def _result_of(self, task: Pending) -> Any:
        if task.what == "activity":
            self.steps_in_life[-1] += 1
            value = self.activity(*task.detail)
            self._hear()
            return value
        if task.what == "timer":
            self.now = max(self.now, task.detail)
            self._hear()
            return None
        timer, event = task.members
        comes = next(iter(self.events[self._heard :]), None)
        if comes is not None and not event.is_completed and comes <= timer.detail:
            self.now = max(self.now, comes)
            self._hear()
            return event
        self.now = max(self.now, timer.detail)
        return timer

    def _hear(self) -> None:
        come = sum(at <= self.now for at in self.events)
        if self._event and come > self._heard:
            self._event.is_completed, self._heard = True, come

    # The context, as the story sees it.

    @property
    def current_utc_datetime(self) -> datetime:
        return self.now

    def get_input(self) -> Any:
        return self._input

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

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def continue_as_new(self, input_: Any) -> None:
        self._next_input = input_


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
