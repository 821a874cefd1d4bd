"""Events of an orchestration's history, in the JSON form that the SDK reads."""

from datetime import datetime
from enum import IntEnum
from typing import Any

from local.functions_host.clock import stamp

Event = dict[str, Any]
"""An event as JSON: `EventType`, `EventId`, `Timestamp`, and the fields of its type."""


class Type(IntEnum):
    """Event types and their numbers (source: `HistoryEventType` of the SDK)."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


SCHEDULING = frozenset({Type.TASK_SCHEDULED, Type.SUB_ORCHESTRATION_CREATED, Type.TIMER_CREATED})
FAILURES = frozenset({Type.TASK_FAILED, Type.SUB_ORCHESTRATION_FAILED})
COMPLETIONS = FAILURES | {
    Type.TASK_COMPLETED,
    Type.SUB_ORCHESTRATION_COMPLETED,
    Type.TIMER_FIRED,
}


def event(kind: Type, now: datetime, event_id: int = -1, **fields: Any) -> Event:
    """An event at `now`; only scheduling events have an id of their own."""
    return {"EventType": int(kind), "EventId": event_id, "Timestamp": stamp(now), **fields}


def started(
    now: datetime, name: str, text: str | None, instance: str, execution: str, parent: str | None
) -> Event:
    """The first event of every execution; `text` is its input as JSON."""
    return event(
        Type.EXECUTION_STARTED,
        now,
        Name=name,
        Version="",
        Input=text,
        OrchestrationInstance={"InstanceId": instance, "ExecutionId": execution},
        ParentInstance=parent and {"OrchestrationInstance": {"InstanceId": parent}},
    )


def task_of(completion: Event) -> int:
    """The task id of a completion event."""
    key = "TimerId" if completion["EventType"] == Type.TIMER_FIRED else "TaskScheduledId"
    return int(completion[key])
