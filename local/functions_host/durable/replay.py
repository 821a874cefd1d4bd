"""The extension's side of a replay: awaits the actions one by one against the history.

Its only input from Python is the list of actions, so it lags behind or runs ahead of the
orchestrator exactly as on Azure. Pure: no clock, no store.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.functions_host.clock import instant
from local.functions_host.durable.futures import Future, drive, when_all, when_any
from local.functions_host.durable.history import (
    COMPLETIONS,
    FAILURES,
    SCHEDULING,
    Event,
    Type,
    task_of,
)
from local.functions_host.durable.orchestrator_result import Action, ActionType, OrchestratorResult


class NonDeterminismError(Exception):
    """The history has a task that the code did not schedule."""


class Unsupported(Exception):
    """An action that this host does not support; the text names it."""


@dataclass(frozen=True)
class Scheduled:
    """A task that the orchestrator scheduled; `kind` is the type of its history event."""

    id: int
    kind: Type
    name: str = ""
    input: str | None = None
    instance: str | None = None
    fire_at: datetime | None = None


@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay: tasks new to history, and whether the orchestration is complete.

    `through` needs every action awaited and no task open. `next_input` is the JSON text of a
    continue_as_new, `renewed` says that there was one, and `carried_over` has the events that
    arrived after it: they belong to the next generation.
    """

    scheduled: Sequence[Scheduled]
    through: bool
    renewed: bool = False
    next_input: str | None = None
    carried_over: Sequence[Event] = ()


class Replay:
    """One replay of one orchestration; call `run` once."""

    def __init__(self, answer: OrchestratorResult) -> None:
        self._result = answer
        self._now: datetime | None = None
        self._tasks: list[Scheduled] = []
        self._confirmed: set[int] = set()
        self._open: dict[int, Future] = {}
        self._waiters: dict[str, list[Future]] = defaultdict(list)
        self._unclaimed_events: dict[str, int] = defaultdict(int)
        self._suspended_events: deque[Event] | None = None
        self._main = Future()
        self._renewed = False
        self._next_input: str | None = None
        self._carried_over: list[Event] = []

    def run(self, history: Iterable[Event]) -> ReplayResult:
        """Replay the history. Raises NonDeterminismError or Unsupported: both fail the instance."""
        for history_event in history:
            self._receive(history_event)
        finished = self._result.is_done or self._result.error is not None
        return ReplayResult(
            scheduled=self._new_tasks(),
            through=finished and self._main.done and not self._open,
            renewed=self._renewed and self._result.error is None,
            next_input=self._next_input,
            carried_over=self._carried_over,
        )

    def _new_tasks(self) -> list[Scheduled]:
        """The tasks that are not in history; none while the instance is suspended."""
        if self._suspended_events is not None:
            return []
        return [task for task in self._tasks if task.id not in self._confirmed]

    # History

    def _receive(self, history_event: Event) -> None:
        """Apply an event; while suspended, hold events back and apply them in order on resume.

        Time passes while suspended. A second suspension is dropped: one resume ends both.
        """
        kind = history_event["EventType"]
        if kind == Type.ORCHESTRATOR_STARTED:
            self._now = instant(history_event["Timestamp"])
        elif kind == Type.EXECUTION_RESUMED:
            suspended_events, self._suspended_events = self._suspended_events or (), None
            for event in suspended_events:
                self._receive(event)
        elif self._suspended_events is None:
            self._apply(kind, history_event)
        elif kind != Type.EXECUTION_SUSPENDED:
            self._suspended_events.append(history_event)

    def _apply(self, kind: int, history_event: Event) -> None:
        if kind == Type.EXECUTION_STARTED:
            self._main = drive(self._await_actions(self._result.actions))
        elif kind == Type.EXECUTION_SUSPENDED:
            self._suspended_events = deque()
        elif kind in SCHEDULING:
            self._confirm(history_event)
        elif kind in COMPLETIONS:
            if (task := self._open.pop(task_of(history_event), None)) is not None:
                task.settle(failed=kind in FAILURES)
        elif kind == Type.EVENT_RAISED:
            self._raise_event(history_event)

    def _confirm(self, history_event: Event) -> None:
        number, name = history_event["EventId"], history_event.get("Name", "")
        task = self._tasks[number] if number < len(self._tasks) else None
        if task is None or (task.kind, task.name.lower()) != (
            history_event["EventType"],
            name.lower(),
        ):
            raise NonDeterminismError(
                f"Non-deterministic orchestration: history has task {number} as "
                f"{Type(history_event['EventType']).name} '{name}', the code now has "
                + (f"{task.kind.name} '{task.name}'." if task else "not scheduled it by then.")
            )
        self._confirmed.add(number)

    def _raise_event(self, history_event: Event) -> None:
        """Give the event to the latest waiter of its name; without one, keep it for the next.

        After continue_as_new, carry it over to the next generation.
        """
        name = history_event["Name"].lower()
        if self._renewed:
            self._carried_over.append(history_event)
        elif self._waiters[name]:
            self._waiters[name].pop().settle()
        else:
            self._unclaimed_events[name] += 1

    # Actions

    def _await_actions(self, actions: Sequence[Action]) -> Generator[Future, None, None]:
        """Await the actions in order; failed tasks too, because only Python raises failures."""
        for action in actions:
            yield self._start_action(action)

    def _start_action(self, action: Action) -> Future:
        try:
            start = _ACTION_STARTERS[ActionType(action["actionType"])]
        except ValueError:
            raise Unsupported(
                f"The action type {action['actionType']} (an entity or call_http) is not offered "
                f"Action type {action['actionType']} (an entity or call_http) is not supported "
            ) from None
        return start(self, action)

    def _schedule(self, task: Callable[[int], Scheduled]) -> Future:
        scheduled = task(len(self._tasks))
        self._tasks.append(scheduled)
        future = self._open[scheduled.id] = Future()
        return future

    def _call_activity(self, action: Action) -> Future:
        name, text = action["functionName"], action.get("input")
        return self._schedule(lambda number: Scheduled(number, Type.TASK_SCHEDULED, name, text))

    def _call_sub_orchestrator(self, action: Action) -> Future:
        name, text, instance = action["functionName"], action.get("input"), action.get("instanceId")
        kind = Type.SUB_ORCHESTRATION_CREATED
        return self._schedule(lambda number: Scheduled(number, kind, name, text, instance))

    def _timer(self, fire_at: datetime) -> Future:
        return self._schedule(lambda number: Scheduled(number, Type.TIMER_CREATED, fire_at=fire_at))

    def _create_timer(self, action: Action) -> Future:
        """A cancelled timer is settled when it is reached, and does not keep the instance open."""
        timer = self._timer(instant(action["fireAt"]))
        if action.get("isCanceled"):
            del self._open[len(self._tasks) - 1]
            timer.settle(failed=True)
        return timer

    def _retried(self, call: Callable[[Action], Future], action: Action) -> Future:
        """Attempts with a timer after each failure; the timer after the last one fires at once."""
        options = action["retryOptions"]
        pause = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])

        def attempts() -> Generator[Future, None, None]:
            remaining: int = options["maxNumberOfAttempts"]
            while remaining > 0:
                remaining -= 1
                attempt = call(action)
                yield attempt
                if not attempt.failed:
                    return
                assert self._now is not None
                yield self._timer(self._now + pause if remaining else self._now)

        return drive(attempts())

    def _wait_for_event(self, action: Action) -> Future:
        waiter, name = Future(), action["externalEventName"].lower()
        if self._unclaimed_events[name]:
            self._unclaimed_events[name] -= 1
            waiter.settle()
        else:
            self._waiters[name].append(waiter)
        return waiter

    def _continue_as_new(self, action: Action) -> Future:
        self._renewed, self._next_input = True, action.get("input")
        return Future(done=True)

    def _members(self, action: Action) -> Sequence[Future]:
        return [self._start_action(member) for member in action["compoundActions"]]


_ACTION_STARTERS: dict[ActionType, Callable[[Replay, Action], Future]] = {
    ActionType.CALL_ACTIVITY: Replay._call_activity,
    ActionType.CALL_ACTIVITY_WITH_RETRY: lambda r, a: r._retried(r._call_activity, a),
    ActionType.CALL_SUB_ORCHESTRATOR: Replay._call_sub_orchestrator,
    ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY: (
        lambda r, a: r._retried(r._call_sub_orchestrator, a)
    ),
    ActionType.CONTINUE_AS_NEW: Replay._continue_as_new,
    ActionType.CREATE_TIMER: Replay._create_timer,
    ActionType.WAIT_FOR_EXTERNAL_EVENT: Replay._wait_for_event,
    ActionType.WHEN_ANY: lambda r, a: when_any(r._members(a)),
    ActionType.WHEN_ALL: lambda r, a: when_all(r._members(a)),
}
