"""Recorded histories, and how code of today compares with what they say."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.durable_functions import Orchestrator
from azure.functions import OrchestrationContext

from blast_orchestrator.job import Story
from local.functions_host.clock import instant
from local.functions_host.durable.history import SCHEDULING, Event, Type
from local.functions_host.durable.orchestrator_result import OrchestratorResult, dumps, parse_result
from local.functions_host.durable.store import Instance, Message, TurnCommit
from local.functions_host.durable.work_item import WorkItem
from shared.contracts import serialization

HISTORIES = Path(__file__).parent / "histories"
RENEWED = "ContinuedAsNew"
"""The status in which a life ends that another one follows; the result is the next one's input."""

_WRITTEN = SCHEDULING | {Type.EXECUTION_COMPLETED, Type.ORCHESTRATOR_COMPLETED}
"""What the engine writes down after it has asked; everything else is what it asks about."""


@dataclass(frozen=True)
class Episode:
    """One wake-up: when, what had come, and what was written down because of it."""

    now: datetime
    fresh: Sequence[Event]
    written: Sequence[Event]


def read_history(path: Path) -> list[Event]:
    """One life of an orchestration: its events, of which the last one says how it ended."""
    history: list[Event] = json.loads(path.read_text())
    return history


def write_history(path: Path, history: Sequence[Event]) -> None:
    """Keep a life, with each event on a line of its own."""
    path.write_text("[\n" + ",\n".join(map(dumps, history)) + "\n]\n")


def episodes(history: Sequence[Event]) -> Iterator[Episode]:
    """The wake-ups of a life, in order."""
    begins = [n for n, e in enumerate(history) if e["EventType"] == Type.ORCHESTRATOR_STARTED]
    for begin, end in zip(begins, [*begins[1:], len(history)], strict=True):
        its = history[begin + 1 : end]
        fresh = [e for e in its if e["EventType"] not in _WRITTEN]
        written = [e for e in its if e["EventType"] in _WRITTEN]
        yield Episode(instant(history[begin]["Timestamp"]), fresh, written)


def difference(story: Callable[[Any], Any], history: Sequence[Event]) -> str | None:
    """The first thing that `story` does otherwise than it was done in `history`; None for none.

    The SDK's executor is asked at each wake-up, and the engine judges, as on the day itself.
    """
    handle = Orchestrator.create(story)
    return difference_of(lambda context: handle(OrchestrationContext(context)), history)


def difference_of(ask: Callable[[str], str], history: Sequence[Event]) -> str | None:
    """The same for an orchestrator behind `ask`: it takes the context of a wake-up as JSON."""
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
    """What the engine makes of one wake-up, and what it was answered."""
    begun = next(e for e in [*before, *episode.fresh] if e["EventType"] == Type.EXECUTION_STARTED)
    its, text, at = begun["OrchestrationInstance"], begun["Input"], begun["Timestamp"]
    names = its["InstanceId"], its["ExecutionId"], begun["Name"]
    instance = Instance(*names, text, "Running", None, None, at, at)
    inbox = [Message(instance.id, None, episode.now, event) for event in episode.fresh]
    answers = []

    def ask(context: str) -> str:
        said = handle(context)
        answers.append(parse_result(said))
        return said

    turn = WorkItem(instance, before, inbox, episode.now).run(ask)
    assert turn is not None
    return turn, answers[0] if answers else OrchestratorResult(error=turn.instance.output)


def _essence(action: dict[str, Any]) -> list[Any]:
    """What the engine knows an action by. A timer may be cancelled later; inputs may gain words."""
    words = ("actionType", "functionName", "externalEventName", "fireAt")
    members = [_essence(member) for member in action.get("compoundActions", ())]
    return [*(action.get(word) for word in words), *members]


def _outcome(turn: TurnCommit) -> list[Any]:
    """The tasks that a wake-up scheduled, and how the life ended if it did."""
    if turn.renewed:
        return [_end(RENEWED, json.loads(turn.instance.input or "null"))]
    return _recorded(turn.appended)


def _recorded(written: Sequence[Event]) -> list[Any]:
    words = ("EventType", "EventId", "Name", "FireAt")
    tasks = [[e.get(word) for word in words] for e in written if e["EventType"] in SCHEDULING]
    ends = [e for e in written if e["EventType"] == Type.EXECUTION_COMPLETED]
    return [*tasks, *(_end(e["OrchestrationStatus"], e["Result"]) for e in ends)]


def _end(status: str, result: str | None) -> Any:
    """A next life is compared by the story that it begins with: a new field has a default."""
    said = json.loads(result or "null")
    return [status, serialization.deserialize(Story, said) if status == RENEWED else said]
