"""The result of an orchestrator function: all its actions so far, and its state."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Action = dict[str, Any]
"""One action as JSON: `actionType`, and the fields of its type."""

OUT_OF_PROC = "$OutOfProcData$:"
"""Precedes the state in a failed orchestrator's exception text (source: the SDK)."""

STATUS_LIMIT = 16 * 1024
"""Maximum size of a custom status in bytes of UTF-16 (source: Durable Functions docs)."""


class ActionType(IntEnum):
    """Action types and their numbers (source: `ActionType` of the SDK)."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True)
class OrchestratorResult:
    """A parsed result. `output` and `custom_status` are JSON texts; `error` is a sentence."""

    actions: Sequence[Action] = ()
    is_done: bool = False
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None

    @property
    def status_too_long(self) -> bool:
        return len((self.custom_status or "").encode("utf-16-le")) > STATUS_LIMIT


def dumps(value: object) -> str:
    """Compact JSON, because the custom status limit counts its characters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_result(text: str) -> OrchestratorResult:
    """Parse the JSON text that the SDK's executor returns."""
    state = json.loads(text)
    return OrchestratorResult(
        actions=tuple(action for batch in state["actions"] for action in batch),
        is_done=bool(state.get("isDone")),
        output=dumps(state["output"]) if "output" in state else None,
        error=state.get("error"),
        custom_status=dumps(state["customStatus"]) if "customStatus" in state else None,
    )


def parse_failure(error: Exception) -> OrchestratorResult:
    """The result inside the executor's exception; for any other exception, only its text."""
    message, label, state = str(error).rpartition(OUT_OF_PROC)
    if not label:
        return OrchestratorResult(error=str(error) or type(error).__name__)
    try:
        return parse_result(state)
    except (ValueError, KeyError, TypeError):  # a text that only resembles the executor's
        return OrchestratorResult(error=message)
