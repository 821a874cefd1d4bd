"""The part of the SDK's orchestration context that the orchestrator uses."""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias


class Task(Protocol):
    """Something that will have a result."""

    @property
    def is_completed(self) -> bool: ...


class Timer(Task, Protocol):
    """A durable timer. Cancel one that lost its race, or the instance never ends."""

    def cancel(self) -> None: ...


class Context(Protocol):
    """The part of DurableOrchestrationContext that is used."""

    @property
    def current_utc_datetime(self) -> datetime: ...

    def get_input(self) -> Any: ...

    def call_activity(self, name: str, input_: Any) -> Task: ...

    def create_timer(self, fire_at: datetime) -> Timer: ...

    def wait_for_external_event(self, name: str) -> Task: ...

    def task_any(self, tasks: Sequence[Task]) -> Task: ...

    def task_all(self, tasks: Sequence[Task]) -> Task: ...

    def set_custom_status(self, status: Any) -> None: ...

    def continue_as_new(self, input_: Any) -> None: ...


Steps: TypeAlias = Generator[Task, Any, Any]
"""A generator that yields tasks and receives their results."""
