"""Recorded histories, and how the orchestrator of today compares with them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.durable_functions import Orchestrator
from azure.functions import OrchestrationContext

from local.functions_host.clock import instant
from local.functions_host.durable.history import SCHEDULING, Event, Type
from local.functions_host.durable.orchestrator_result import OrchestratorResult, dumps, parse_result
from local.functions_host.durable.store import Instance, Message, TurnCommit
from local.functions_host.durable.work_item import WorkItem
from shared.contracts import serialization
from shared.contracts.activities import SearchState

HISTORIES = Path(__file__).parent / "histories"
RENEWED = "ContinuedAsNew"
"""The status of a generation that another one follows; the result is the next one's input."""

_WRITTEN = SCHEDULING | {Type.EXECUTION_COMPLETED, Type.ORCHESTRATOR_COMPLETED}
"""Events that the engine writes after a wake-up; all others are what it wakes for."""


@dataclass(frozen=True)
class Episode:
    """One wake-up: its time, the events that came, and those written because of it."""

    now: datetime
    fresh: Sequence[Event]
    written: Sequence[Event]


def read_history(path: Path) -> list[Event]:
    """One generation of an orchestration: its events, of which the last one is its end."""
    history: list[Event] = json.loads(path.read_text())
    return history


def write_history(path: Path, history: Sequence[Event]) -> None:
    """Write a generation, with each event in a row of its own."""
    path.write_text("[\n" + ",\n".join(map(dumps, history)) + "\n]\n")


def episodes(history: Sequence[Event]) -> Iterator[Episode]:
    """The wake-ups of a generation, in order."""
    begins = [n for n, e in enumerate(history) if e["EventType"] == Type.ORCHESTRATOR_STARTED]
    for begin, end in zip(begins, [*begins[1:], len(history)], strict=True):
        events = history[begin + 1 : end]
        fresh = [e for e in events if e["EventType"] not in _WRITTEN]
        written = [e for e in events if e["EventType"] in _WRITTEN]
        yield Episode(instant(history[begin]["Timestamp"]), fresh, written)


def difference(orchestrator: Callable[[Any], Any], history: Sequence[Event]) -> str | None:
    """The first difference between what `orchestrator` does and `history`; None if there is none.

    The SDK's executor runs at each wake-up, and the engine checks, as when it was recorded.
    """
    handle = Orchestrator.create(orchestrator)
    return difference_of(lambda context: handle(OrchestrationContext(context)), history)


def difference_of(ask: Callable[[str], str], history: Sequence[Event]) -> str | None:
    """The same for an orchestrator behind `ask`, which takes the context of a wake-up as JSON."""
    before: list[Event] = []
    done: list[Any] = []
    for number, episode in enumerate(episodes(history)):
        turn, answer = _wake(ask, before, episode)
        actions = [_essence(action) for action in answer.actions]
        if actions[: len(done)] != done:
            return f"wake-up {number}: the actions {actions} do not begin with {done}"
        if (now := _outcome(turn)) != (then := _recorded(episode.written)):
            return f"wake-up {number}: now {now}, and then {then}"
        before += turn.appended
        done = actions
    return None


def _wake(
    handle: Callable[[str], str], before: Sequence[Event], episode: Episode
) -> tuple[TurnCommit, OrchestratorResult]:
    """What the engine commits after one wake-up, and the orchestrator's answer."""
    begun = next(e for e in [*before, *episode.fresh] if e["EventType"] == Type.EXECUTION_STARTED)
    ids, given, at = begun["OrchestrationInstance"], begun["Input"], begun["Timestamp"]
    names = ids["InstanceId"], ids["ExecutionId"], begun["Name"]
    instance = Instance(*names, given, "Running", None, None, at, at)
    inbox = [Message(instance.id, None, episode.now, event) for event in episode.fresh]
    answers = []

    def ask(context: str) -> str:
        text = handle(context)
        answers.append(parse_result(text))
        return text

    turn = WorkItem(instance, before, inbox, episode.now).run(ask)
    assert turn is not None
    return turn, answers[0] if answers else OrchestratorResult(error=turn.instance.output)


def _essence(action: dict[str, Any]) -> list[Any]:
    """What identifies an action. A timer may be cancelled later; inputs may gain fields."""
    words = ("actionType", "functionName", "externalEventName", "fireAt")
    members = [_essence(member) for member in action.get("compoundActions", ())]
    return [*(action.get(word) for word in words), *members]


def _outcome(turn: TurnCommit) -> list[Any]:
    """The tasks that a wake-up scheduled, and the end of the generation, if it ended."""
    if turn.renewed:
        return [_end(RENEWED, json.loads(turn.instance.input or "null"))]
    return _recorded(turn.appended)


def _recorded(written: Sequence[Event]) -> list[Any]:
    words = ("EventType", "EventId", "Name", "FireAt")
    tasks = [[e.get(word) for word in words] for e in written if e["EventType"] in SCHEDULING]
    ends = [e for e in written if e["EventType"] == Type.EXECUTION_COMPLETED]
    return [*tasks, *(_end(e["OrchestrationStatus"], e["Result"]) for e in ends)]


def _end(status: str, result: str | None) -> Any:
    """The next generation is compared by its state: a new field has a default."""
    value = json.loads(result or "null")
    is_state = status == RENEWED
    return [status, serialization.deserialize(SearchState, value) if is_state else value]
