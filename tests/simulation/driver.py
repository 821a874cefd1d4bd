"""An engine for one job's story, which takes one step at a time when the clock says so."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from blast_orchestrator.context import Task, Timer
from blast_orchestrator.job import blast_job
from shared.contracts import serialization
from shared.contracts.activities import ActivityInput, ActivityName, SearchState, StepResult
from tests.blast_orchestrator.fake_context import Pending
from tests.simulation.models import ProcessDied

Perform = Callable[[ActivityName, ActivityInput], Awaitable[StepResult]]


@dataclass
class Driver:
    """Tells the story as Durable Functions does: an activity whose process died runs again."""

    clock: Callable[[], datetime]
    perform: Perform
    start: SearchState
    calls: list[tuple[ActivityName, ActivityInput]] = field(default_factory=list)
    """Every order that was given."""
    crashes: list[str] = field(default_factory=list)
    """The crashes of activities that the orchestrator saw."""
    output: Any = None
    _input: Any = None
    _next_input: Any = None
    _waits: Pending | None = None
    _event: Pending = field(default_factory=lambda: Pending("event"))

    def __post_init__(self) -> None:
        self._begin(serialization.serialize(self.start))

    @property
    def ready_at(self) -> datetime | None:
        """When it can go on; None once the story has ended."""
        if self._waits is None:
            return None
        if self._waits.what == "activity":
            return self.clock()
        if self._waits.what == "timer":
            return datetime.fromisoformat(str(self._waits.detail))
        timer, event = self._waits.members
        return self.clock() if event.is_completed else timer.detail

    async def step(self) -> None:
        """Do what the story waits for."""
        waits = self._waits
        assert waits is not None
        if waits.what != "activity":
            members = waits.members or (waits, self._event)
            self._send(members[1] if members[1].is_completed else members[0])
            return
        verb, plain = waits.detail
        input_ = serialization.deserialize(ActivityInput, plain)
        self.calls.append((ActivityName(verb), input_))
        try:
            decision = await self.perform(ActivityName(verb), input_)
        except ProcessDied:
            return
        except Exception as error:  # noqa: BLE001  as the SDK tells an activity's death
            self.crashes.append(repr(error))
            self._send(None, Exception(str(error)))
        else:
            self._send(serialization.serialize(decision))

    def wake(self) -> None:
        """Raise the event that says that the row has news."""
        self._event.is_completed = True

    def _begin(self, given: Any) -> None:
        self._input, self._next_input, self._event = given, None, Pending("event")
        self._story = blast_job(self)
        self._send(None)

    def _send(self, value: Any, died: Exception | None = None) -> None:
        story: Any = self._story
        try:
            self._waits = story.throw(died) if died else story.send(value)
        except StopIteration as end:
            self._waits, self.output = None, end.value
            if self._next_input is not None:
                self._begin(self._next_input)

    # The context, as the story sees it.

    @property
    def current_utc_datetime(self) -> datetime:
        return self.clock()

    def get_input(self) -> Any:
        return self._input

    def call_activity(self, name: str, input_: Any) -> Task:
        return Pending("activity", (str(name), input_))

    def create_timer(self, fire_at: datetime) -> Timer:
        return Pending("timer", fire_at)

    def wait_for_external_event(self, name: str) -> Task:
        return self._event

    def task_any(self, tasks: Sequence[Task]) -> Task:
        return Pending("any", members=tasks)

    def task_all(self, tasks: Sequence[Task]) -> Task:
        raise NotImplementedError("a single search has no fan-out")

    def set_custom_status(self, status: Any) -> None:
        assert len(str(status)) < 1024

    def continue_as_new(self, input_: Any) -> None:
        self._next_input = input_
