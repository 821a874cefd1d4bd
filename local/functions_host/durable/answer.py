"""What an orchestrator function answers: all its actions so far, and how it stands."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

Action = dict[str, Any]
"""One action as JSON: `actionType`, and the fields of its type."""

OUT_OF_PROC = "$OutOfProcData$:"
"""What stands before the state in the text of a failed orchestrator (source: the SDK)."""

STATUS_LIMIT = 16 * 1024
"""Bytes of a custom status in UTF-16 (source: the Durable Functions documentation)."""


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
    """An answer. `output` and `custom_status` are JSON texts; `error` is a sentence."""

    actions: Sequence[Action] = ()
    is_done: bool = False
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None

    @property
    def status_too_long(self) -> bool:
        return len((self.custom_status or "").encode("utf-16-le")) > STATUS_LIMIT


def dumps(value: object) -> str:
    """JSON as short as it gets, which is how the limit on a custom status is measured."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_answer(text: str) -> OrchestratorResult:
    """The answer in the JSON text that the SDK's executor returns."""
    state = json.loads(text)
    return OrchestratorResult(
        actions=tuple(action for batch in state["actions"] for action in batch),
        is_done=bool(state.get("isDone")),
        output=dumps(state["output"]) if "output" in state else None,
        error=state.get("error"),
        custom_status=dumps(state["customStatus"]) if "customStatus" in state else None,
    )


def read_failure(error: Exception) -> OrchestratorResult:
    """The answer inside an exception of the executor; any other exception is the whole answer."""
    message, label, state = str(error).rpartition(OUT_OF_PROC)
    if not label:
        return OrchestratorResult(error=str(error) or type(error).__name__)
    try:
        return read_answer(state)
    except (ValueError, KeyError, TypeError):  # a text that only looks like the executor's
        return OrchestratorResult(error=message)
