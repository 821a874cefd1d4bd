"""Instances and histories as JSON of the management API."""

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


def instance_view(instance: Instance, with_input: bool) -> dict[str, Any]:
    """An instance's status, as the SDK parses it."""
    return {
        "name": instance.name,
        "instanceId": instance.id,
        "runtimeStatus": instance.status,
        "input": _parse_json(instance.input) if with_input else None,
        "customStatus": _parse_json(instance.custom_status),
        "output": _parse_json(instance.output),
        "createdTime": _second(instance.created),
        "lastUpdatedTime": _second(instance.updated),
    }


def history_view(
    events: Sequence[Event], with_inputs: bool, with_outputs: bool
) -> list[dict[str, Any]]:
    """The events, each task once: its completion if there is one, else its scheduling."""
    scheduled = {e["EventId"]: e for e in events if e["EventType"] in SCHEDULING}
    completed_ids = {task_of(e) for e in events if e["EventType"] in COMPLETIONS}
    hidden_types = (Type.ORCHESTRATOR_STARTED, Type.ORCHESTRATOR_COMPLETED)
    return [
        _event_view(history_event, scheduled, with_inputs, with_outputs)
        for history_event in events
        if history_event["EventType"] not in hidden_types
        and not _has_completion(history_event, completed_ids)
    ]


def _has_completion(history_event: Event, completed_ids: set[int]) -> bool:
    return history_event["EventType"] in SCHEDULING and history_event["EventId"] in completed_ids


def _event_view(
    history_event: Event, scheduled: dict[int, Event], with_inputs: bool, with_outputs: bool
) -> dict[str, Any]:
    kind = Type(history_event["EventType"])
    view = {key: value for key, value in history_event.items() if key not in _HIDDEN}
    view["EventType"] = _NAMES.get(kind) or "".join(map(str.capitalize, kind.name.split("_")))
    if kind == Type.EXECUTION_STARTED:
        view["FunctionName"] = view.pop("Name")
    if kind in COMPLETIONS and (scheduling_event := scheduled.get(task_of(history_event))):
        view["ScheduledTime"] = scheduling_event["Timestamp"]
        view |= {"FunctionName": scheduling_event["Name"]} if "Name" in scheduling_event else {}
    for field, wanted in (("Input", with_inputs), ("Result", with_outputs)):
        text = view.pop(field, None)
        if text is not None and wanted:
            view[field] = _parse_json(text)
    return view


def _parse_json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _second(text: str) -> str:
    return instant(text).strftime("%Y-%m-%dT%H:%M:%SZ")
