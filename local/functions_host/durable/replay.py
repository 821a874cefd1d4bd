"""The extension's side of a replay: the actions are awaited one by one while history passes by.

It knows nothing of Python's side but the list of actions, and so it lags behind or runs ahead of
the orchestrator exactly as it does on Azure. Pure: no clock, no store.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.functions_host.clock import instant
from local.functions_host.durable.answer import Action, ActionType, OrchestratorResult
from local.functions_host.durable.futures import Future, drive, when_all, when_any
from local.functions_host.durable.history import (
    COMPLETIONS,
    FAILURES,
    SCHEDULING,
    Event,
    Type,
    task_of,
)


class NonDeterminismError(Exception):
    """History has a task that the code did not schedule: a non-determinism failure."""


class Unsupported(Exception):
    """An action this host does not offer; the text says which."""


@dataclass(frozen=True)
class Scheduled:
    """A task that the orchestrator scheduled; `kind` is the type of its event in history."""

    id: int
    kind: Type
    name: str = ""
    input: str | None = None
    instance: str | None = None
    fire_at: datetime | None = None


@dataclass(frozen=True)
class ReplayResult:
    """What comes of a replay: tasks new to history, and whether the orchestration is through.

    `through` needs every action awaited and no task open. `next_input` is the JSON text that a
    continue_as_new carries on with, `renewed` says that there is one, and `carried_over` has the
    events that arrived after that decision: they belong to the next generation.
    """

    scheduled: Sequence[Scheduled]
    through: bool
    renewed: bool = False
    next_input: str | None = None
    carried_over: Sequence[Event] = ()


class Replay:
    """One replay of one orchestration; made for one call of `run`."""

    def __init__(self, answer: OrchestratorResult) -> None:
        self._answer = answer
        self._now: datetime | None = None
        self._tasks: list[Scheduled] = []
        self._confirmed: set[int] = set()
        self._open: dict[int, Future] = {}
        self._waiters: dict[str, list[Future]] = defaultdict(list)
        self._early: dict[str, int] = defaultdict(int)
        self._held: deque[Event] | None = None
        self._main = Future()
        self._renewed = False
        self._next_input: str | None = None
        self._carried_over: list[Event] = []

    def run(self, history: Iterable[Event]) -> ReplayResult:
        """Let the whole history pass. Raises Diverged or Unsupported: both fail the instance."""
        for found in history:
            self._receive(found)
        finished = self._answer.is_done or self._answer.error is not None
        return ReplayResult(
            scheduled=self._new_tasks(),
            through=finished and self._main.done and not self._open,
            renewed=self._renewed and self._answer.error is None,
            next_input=self._next_input,
            carried_over=self._carried_over,
        )

    def _new_tasks(self) -> list[Scheduled]:
        """The tasks that history does not have; an instance that is suspended begins none."""
        if self._held is not None:
            return []
        return [task for task in self._tasks if task.id not in self._confirmed]

    # History

    def _receive(self, found: Event) -> None:
        """While suspended everything is held back, to be received in order on resuming.

        Time passes meanwhile, and a second suspension is dropped: one resumption ends both.
        """
        kind = found["EventType"]
        if kind == Type.ORCHESTRATOR_STARTED:
            self._now = instant(found["Timestamp"])
        elif kind == Type.EXECUTION_RESUMED:
            held, self._held = self._held or (), None
            for event in held:
                self._receive(event)
        elif self._held is None:
            self._apply(kind, found)
        elif kind != Type.EXECUTION_SUSPENDED:
            self._held.append(found)

    def _apply(self, kind: int, found: Event) -> None:
        if kind == Type.EXECUTION_STARTED:
            self._main = drive(self._in_turn(self._answer.actions))
        elif kind == Type.EXECUTION_SUSPENDED:
            self._held = deque()
        elif kind in SCHEDULING:
            self._confirm(found)
        elif kind in COMPLETIONS:
            if (task := self._open.pop(task_of(found), None)) is not None:
                task.settle(failed=kind in FAILURES)
        elif kind == Type.EVENT_RAISED:
            self._raise_event(found)

    def _confirm(self, found: Event) -> None:
        number, name = found["EventId"], found.get("Name", "")
        here = self._tasks[number] if number < len(self._tasks) else None
        if here is None or (here.kind, here.name.lower()) != (found["EventType"], name.lower()):
            raise NonDeterminismError(
                f"Non-deterministic orchestration: history has task {number} as "
                f"{Type(found['EventType']).name} '{name}', the code now has "
                + (f"{here.kind.name} '{here.name}'." if here else "not scheduled it by then.")
            )
        self._confirmed.add(number)

    def _raise_event(self, found: Event) -> None:
        """The latest waiter of the name gets it; without one it is kept for the next.

        Once the orchestration has decided to continue as new, it is for the next generation.
        """
        name = found["Name"].lower()
        if self._renewed:
            self._carried_over.append(found)
        elif self._waiters[name]:
            self._waiters[name].pop().settle()
        else:
            self._early[name] += 1

    # Actions

    def _in_turn(self, actions: Sequence[Action]) -> Generator[Future, None, None]:
        """A failed task is awaited like any other: only Python's side raises it."""
        for action in actions:
            yield self._begin(action)

    def _begin(self, action: Action) -> Future:
        try:
            begin = _BEGIN[ActionType(action["actionType"])]
        except ValueError:
            raise Unsupported(
                f"The action type {action['actionType']} (an entity or call_http) is not offered "
                "by this host."
            ) from None
        return begin(self, action)

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
        """A cancelled timer is settled as soon as it is reached, and holds nothing open."""
        timer = self._timer(instant(action["fireAt"]))
        if action.get("isCanceled"):
            del self._open[len(self._tasks) - 1]
            timer.settle(failed=True)
        return timer

    def _retried(self, call: Callable[[Action], Future], action: Action) -> Future:
        """Attempts with a timer after each failure; the one after the last fires at once."""
        options = action["retryOptions"]
        pause = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])

        def attempts() -> Generator[Future, None, None]:
            left: int = options["maxNumberOfAttempts"]
            while left > 0:
                left -= 1
                attempt = call(action)
                yield attempt
                if not attempt.failed:
                    return
                assert self._now is not None
                yield self._timer(self._now + pause if left else self._now)

        return drive(attempts())

    def _wait_for_event(self, action: Action) -> Future:
        waiter, name = Future(), action["externalEventName"].lower()
        if self._early[name]:
            self._early[name] -= 1
            waiter.settle()
        else:
            self._waiters[name].append(waiter)
        return waiter

    def _continue_as_new(self, action: Action) -> Future:
        self._renewed, self._next_input = True, action.get("input")
        return Future(done=True)

    def _members(self, action: Action) -> Sequence[Future]:
        return [self._begin(member) for member in action["compoundActions"]]


_BEGIN: dict[ActionType, Callable[[Replay, Action], Future]] = {
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
