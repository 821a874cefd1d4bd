"""Instances and their histories as the management API shows them."""

import json
from collections.abc import Sequence
from typing import Any

from local.functions_host.clock import instant
from local.functions_host.durable.history import COMPLETIONS, SCHEDULING, Event, Type, task_of
from local.functions_host.durable.store import Instance

_HIDDEN = frozenset(
    {"EventId", "OrchestrationInstance", "ParentInstance", "Version", "TaskScheduledId", "TimerId"}
)
_NAMES = {
    Type.SUB_ORCHESTRATION_CREATED: "SubOrchestrationInstanceCreated",
    Type.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    Type.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
}


def shown_instance(one: Instance, with_input: bool) -> dict[str, Any]:
    """The status of an instance, as the SDK parses it."""
    return {
        "name": one.name,
        "instanceId": one.id,
        "runtimeStatus": one.status,
        "input": _read(one.input) if with_input else None,
        "customStatus": _read(one.custom_status),
        "output": _read(one.output),
        "createdTime": _second(one.created),
        "lastUpdatedTime": _second(one.updated),
    }


def shown_history(
    events: Sequence[Event], with_inputs: bool, with_outputs: bool
) -> list[dict[str, Any]]:
    """What happened, each task once: at its end if it has one, else when it was scheduled."""
    scheduled = {e["EventId"]: e for e in events if e["EventType"] in SCHEDULING}
    ended = {task_of(e) for e in events if e["EventType"] in COMPLETIONS}
    dull = (Type.ORCHESTRATOR_STARTED, Type.ORCHESTRATOR_COMPLETED)
    return [
        _shown(found, scheduled, with_inputs, with_outputs)
        for found in events
        if found["EventType"] not in dull and not _is_told_later(found, ended)
    ]


def _is_told_later(found: Event, ended: set[int]) -> bool:
    return found["EventType"] in SCHEDULING and found["EventId"] in ended


def _shown(
    found: Event, scheduled: dict[int, Event], with_inputs: bool, with_outputs: bool
) -> dict[str, Any]:
    kind = Type(found["EventType"])
    told = {key: value for key, value in found.items() if key not in _HIDDEN}
    told["EventType"] = _NAMES.get(kind) or "".join(map(str.capitalize, kind.name.split("_")))
    if kind == Type.EXECUTION_STARTED:
        told["FunctionName"] = told.pop("Name")
    if kind in COMPLETIONS and (begun := scheduled.get(task_of(found))):
        told["ScheduledTime"] = begun["Timestamp"]
        told |= {"FunctionName": begun["Name"]} if "Name" in begun else {}
    for field, wanted in (("Input", with_inputs), ("Result", with_outputs)):
        text = told.pop(field, None)
        if text is not None and wanted:
            told[field] = _read(text)
    return told


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _second(text: str) -> str:
    return instant(text).strftime("%Y-%m-%dT%H:%M:%SZ")
