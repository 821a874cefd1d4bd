"""One wake-up of an orchestration: what has arrived is shown to the function, and judged.

The function is called as the Python worker calls it; nothing here writes or waits.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from azure.functions._durable_functions import OrchestrationContext

from local.functions_host.clock import instant
from local.functions_host.durable.answer import Answer, dumps, read_answer, read_failure
from local.functions_host.durable.history import Event, Type, event
from local.functions_host.durable.replay import Diverged, Replay, Scheduled, Unsupported, Verdict
from local.functions_host.durable.values import (
    COMPLETED,
    FAILED,
    RUNNING,
    SUSPENDED,
    TERMINATED,
    Child,
    Episode,
    Instance,
    Work,
)

Orchestrator = Callable[[OrchestrationContext], str]
"""A registered orchestrator: the context in, the JSON state out; a failure raises."""

LONGEST_TIMER = "6.00:00:00"
LONG_TIMER_STEP = "3.00:00:00"
"""How the extension splits long timers on Azure Storage; the SDK reads both as .NET spans."""


@dataclass(frozen=True)
class _Standing:
    """What an episode has so far: the events it adds, and the time it goes by."""

    work: Work
    now: datetime
    fresh: Sequence[Event]

    @property
    def whole(self) -> Sequence[Event]:
        return [*self.work.past, *self.fresh]


def play(work: Work, function: Orchestrator | None, now: datetime) -> Episode | None:
    """Run one episode. None: the function is not known, and everything stays as it is.

    `now` is moved on to the due time of the latest timer that fired, so that no orchestrator
    ever sees a timer fire early, and never before an instant that history has seen.
    """
    seen = [instant(e["FireAt"]) for e in work.arrived if e["EventType"] == Type.TIMER_FIRED]
    if work.past:
        seen.append(instant(work.past[-1]["Timestamp"]))
    now = max([now, *seen])
    standing = _Standing(work, now, [event(Type.ORCHESTRATOR_STARTED, now), *work.arrived])
    if stop := next((e for e in work.arrived if e["EventType"] == Type.EXECUTION_TERMINATED), None):
        return _ended(standing, TERMINATED, json.dumps(stop.get("Input")))
    if function is None:
        return None
    return _judge(standing, _ask(function, standing))


def _ask(function: Orchestrator, standing: _Standing) -> Answer:
    context = OrchestrationContext(json.dumps(_context(standing)))
    try:
        return read_answer(function(context))
    except Exception as error:  # noqa: BLE001: whatever user code raises fails its orchestration
        return read_failure(error)


def _context(standing: _Standing) -> dict[str, Any]:
    """The context as the extension writes it, its misspelling included."""
    instance = standing.work.instance
    events = [{**e, "IsPlayed": True} for e in standing.work.past]
    return {
        "history": events + [{**e, "IsPlayed": False} for e in standing.fresh],
        "input": instance.input and json.loads(instance.input),
        "instanceId": instance.id,
        "isReplaying": bool(events),
        "parentInstanceId": instance.parent and instance.parent.instance,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": LONG_TIMER_STEP,
        "maximumShortTimerDuration": LONGEST_TIMER,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }


def _judge(standing: _Standing, answer: Answer) -> Episode:
    if answer.status_too_long:
        return _failed(
            standing, "The custom status is longer than 16 KB of UTF-16 text, which is the limit."
        )
    try:
        verdict = Replay(answer).run(standing.whole)
    except (Diverged, Unsupported) as error:
        return _failed(standing, str(error))
    if not verdict.through:
        return _waiting(standing, answer, verdict)
    if verdict.renewed:
        text = None if verdict.next_input is None else json.dumps(verdict.next_input)
        return replace(
            _waiting(standing, answer, verdict), renewed=True, next_input=text, timers=()
        )
    if answer.error is not None:
        return _failed(standing, answer.error, answer.custom_status, verdict)
    return _ended(standing, COMPLETED, answer.output, answer.custom_status, verdict)


def _waiting(standing: _Standing, answer: Answer, verdict: Verdict) -> Episode:
    return Episode(
        now=standing.now,
        events=[*_recorded(standing, verdict), event(Type.ORCHESTRATOR_COMPLETED, standing.now)],
        status=SUSPENDED if _suspended(standing.whole) else RUNNING,
        custom_status=answer.custom_status,
        tasks=[(t.id, t.name, t.input) for t in _of(verdict, Type.TASK_SCHEDULED)],
        timers=[_fired(t) for t in _of(verdict, Type.TIMER_CREATED)],
        children=[
            Child(_child_id(standing.work.instance, t), t.name, _input(t), t.id)
            for t in _of(verdict, Type.SUB_ORCHESTRATION_CREATED)
        ],
    )


def _failed(
    standing: _Standing,
    error: str,
    custom_status: str | None = None,
    verdict: Verdict | None = None,
) -> Episode:
    reason = f"Orchestrator function '{standing.work.instance.name}' failed: {error}"
    return _ended(standing, FAILED, json.dumps(reason), custom_status, verdict)


def _ended(
    standing: _Standing,
    status: str,
    output: str | None,
    custom_status: str | None = None,
    verdict: Verdict | None = None,
) -> Episode:
    now, end = standing.now, (Type.EXECUTION_COMPLETED, Type.ORCHESTRATOR_COMPLETED)
    events = [
        *_recorded(standing, verdict),
        event(end[0], now, OrchestrationStatus=status, Result=output),
        event(end[1], now),
    ]
    reply = _reply(standing.work.instance, status, output, now)
    return Episode(now, events, status, custom_status, output, reply=reply)


def _reply(instance: Instance, status: str, output: str | None, now: datetime) -> Event | None:
    """What the parent hears of a sub-orchestration's end; a terminated one has failed."""
    if instance.parent is None:
        return None
    task = instance.parent.task
    if status == COMPLETED:
        kind = Type.SUB_ORCHESTRATION_COMPLETED
        return event(kind, now, TaskScheduledId=task, Result=output or "null")
    reason = json.loads(output or "null")
    kind = Type.SUB_ORCHESTRATION_FAILED
    return event(kind, now, TaskScheduledId=task, Reason=reason, Details=None)


def _of(verdict: Verdict, kind: Type) -> Sequence[Scheduled]:
    return [task for task in verdict.scheduled if task.kind == kind]


def _recorded(standing: _Standing, verdict: Verdict | None) -> Sequence[Event]:
    """What arrived and what was scheduled, as history keeps them."""
    tasks = verdict.scheduled if verdict else ()
    return [*standing.fresh, *(_scheduled(standing, task) for task in tasks)]


def _scheduled(standing: _Standing, task: Scheduled) -> Event:
    if task.kind == Type.TIMER_CREATED:
        return event(task.kind, standing.now, task.id, FireAt=_fired(task)["FireAt"])
    fields: dict[str, Any] = {"Name": task.name, "Version": "", "Input": dumps([task.input])}
    if task.kind == Type.SUB_ORCHESTRATION_CREATED:
        fields |= {"InstanceId": _child_id(standing.work.instance, task), "Input": _input(task)}
    return event(task.kind, standing.now, task.id, **fields)


def _fired(timer: Scheduled) -> Event:
    """The message that the timer sends when it is due."""
    assert timer.fire_at is not None
    fired = event(Type.TIMER_FIRED, timer.fire_at, TimerId=timer.id)
    return {**fired, "FireAt": fired["Timestamp"]}


def _input(task: Scheduled) -> str | None:
    """The action's JSON text is data to the extension, so it is written as JSON once more."""
    return None if task.input is None else json.dumps(task.input)


def _child_id(parent: Instance, task: Scheduled) -> str:
    """The id asked for, or the one the extension makes of the parent's execution and the task."""
    return task.instance or f"{parent.execution}:{task.id:08X}"


def _suspended(events: Sequence[Event]) -> bool:
    kinds = (Type.EXECUTION_SUSPENDED, Type.EXECUTION_RESUMED)
    last = next((e for e in reversed(events) if e["EventType"] in kinds), None)
    return last is not None and last["EventType"] == Type.EXECUTION_SUSPENDED
