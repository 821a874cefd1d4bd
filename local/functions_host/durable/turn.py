"""One wake-up of an orchestration: Python is asked, a replay judges, the change is drawn up."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.functions_host.clock import instant, stamp
from local.functions_host.durable.answer import OrchestratorResult, dumps, read_answer, read_failure
from local.functions_host.durable.history import COMPLETIONS, Event, Type, event, started, task_of
from local.functions_host.durable.replay import (
    NonDeterminismError,
    Replay,
    ReplayResult,
    Scheduled,
    Unsupported,
)
from local.functions_host.durable.store import Activity, Child, Instance, Message, TurnCommit

Ask = Callable[[str], str]
"""The orchestrator function: the context as a JSON string in, its state as one out."""


@dataclass(frozen=True)
class WorkItem:
    """An orchestration with its history and what has come for it."""

    instance: Instance
    history: Sequence[Event]
    inbox: Sequence[Message]
    now: datetime

    def run(self, ask: Ask | None) -> TurnCommit | None:
        """What this wake-up changes; None where it takes a function, and there is none.

        It raises only what is a bug of the host.
        """
        fresh = self._fresh()
        consumed = [message.id for message in self.inbox]
        if not fresh:
            return TurnCommit(self.instance, consumed, [])
        begun = [event(Type.ORCHESTRATOR_STARTED, self.now), *fresh]
        if any(found["EventType"] == Type.EXECUTION_TERMINATED for found in fresh):
            return self._ended(consumed, begun, "Terminated", _reason(fresh))
        if ask is None:
            return None
        answer = self._asked(ask, begun)
        if answer.status_too_long:
            return self._failed(consumed, begun, "the custom status is longer than 16 KB in UTF-16")
        try:
            verdict = Replay(answer).run([*self.history, *begun])
        except (NonDeterminismError, Unsupported) as failure:
            return self._failed(consumed, begun, str(failure))
        return self._judged(answer, verdict, consumed, begun)

    def _fresh(self) -> list[Event]:
        """The events that are news: of this execution, and no completion that history has."""
        known = {task_of(e) for e in self.history if e["EventType"] in COMPLETIONS}
        found = []
        for message in self.inbox:
            if message.execution not in (None, self.instance.execution):
                continue
            if message.event["EventType"] in COMPLETIONS:
                task = task_of(message.event)
                if task in known:
                    continue
                known.add(task)
            found.append(message.event)
        # An instance begins with its beginning, whatever was sent to it before.
        return sorted(found, key=lambda e: e["EventType"] != Type.EXECUTION_STARTED)

    def _asked(self, ask: Ask, begun: Sequence[Event]) -> OrchestratorResult:
        """What Python says; an orchestrator that raises has said that, too."""
        context = {
            "history": [
                *({**found, "IsPlayed": True} for found in self.history),
                *({**found, "IsPlayed": False} for found in begun),
            ],
            "input": json.loads(self.instance.input or "null"),
            "instanceId": self.instance.id,
            "isReplaying": bool(self.history),
            "parentInstanceId": self.instance.parent,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 2,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": "6.00:00:00",
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        }
        try:
            return read_answer(ask(json.dumps(context)))
        except Exception as error:  # noqa: BLE001  whatever an orchestrator raises is its failure
            return read_failure(error)

    def _judged(
        self,
        answer: OrchestratorResult,
        verdict: ReplayResult,
        consumed: Sequence[int],
        begun: list[Event],
    ) -> TurnCommit:
        # Each answer says the status anew; only what came before a continue_as_new outlives it,
        # and that by one turn.
        kept = None if self.history else self.instance.custom_status
        here = replace(
            self, instance=replace(self.instance, custom_status=answer.custom_status or kept)
        )
        noted = [here._noted(task) for task in verdict.scheduled]
        if verdict.through and verdict.renewed:
            return here._renewed(consumed, verdict)
        if verdict.through and answer.error is not None:
            return here._failed(consumed, [*begun, *noted], answer.error)
        if verdict.through:
            return here._ended(consumed, [*begun, *noted], "Completed", answer.output)
        return here._going_on(consumed, begun, verdict.scheduled)

    def _going_on(
        self, consumed: Sequence[int], begun: list[Event], scheduled: Sequence[Scheduled]
    ) -> TurnCommit:
        one = self.instance
        suspended = _last(begun, Type.EXECUTION_SUSPENDED, Type.EXECUTION_RESUMED)
        status = "Running" if suspended is None and one.status != "Suspended" else one.status
        if suspended is not None:
            status = "Suspended" if suspended == Type.EXECUTION_SUSPENDED else "Running"
        timers = [task for task in scheduled if task.kind is Type.TIMER_CREATED]
        children = [task for task in scheduled if task.kind is Type.SUB_ORCHESTRATION_CREATED]
        calls = [task for task in scheduled if task.kind is Type.TASK_SCHEDULED]
        return TurnCommit(
            instance=replace(one, status=status, updated=stamp(self.now)),
            consumed=consumed,
            appended=[*begun, *map(self._noted, scheduled), self._over()],
            activities=[Activity(one.id, one.execution, t.id, t.name, t.input) for t in calls],
            messages=[self._timer(task) for task in timers],
            children=[self._child(task) for task in children],
        )

    def _renewed(self, consumed: Sequence[int], verdict: ReplayResult) -> TurnCommit:
        now, execution, text = stamp(self.now), uuid.uuid4().hex, json.dumps(verdict.next_input)
        renewed = replace(self.instance, execution=execution, input=text, created=now, updated=now)
        carried_over = [
            Message(renewed.id, execution, self.now, found) for found in verdict.carried_over
        ]
        messages = [beginning(renewed, self.now), *carried_over]
        return TurnCommit(renewed, consumed, [], messages=messages, renewed=True)

    def _failed(self, consumed: Sequence[int], begun: Sequence[Event], why: str) -> TurnCommit:
        text = f"Orchestrator function '{self.instance.name}' failed: {why}"
        return self._ended(consumed, begun, "Failed", dumps(text))

    def _ended(
        self, consumed: Sequence[int], begun: Sequence[Event], status: str, output: str | None
    ) -> TurnCommit:
        one = replace(self.instance, status=status, output=output, updated=stamp(self.now))
        done = event(Type.EXECUTION_COMPLETED, self.now, OrchestrationStatus=status, Result=output)
        told = [] if one.parent is None else [self._to_parent(one)]
        return TurnCommit(one, consumed, [*begun, done, self._over()], messages=told)

    def _to_parent(self, one: Instance) -> Message:
        assert one.parent is not None
        kind, fields = Type.SUB_ORCHESTRATION_COMPLETED, {"Result": one.output}
        if one.status != "Completed":
            reason = str(json.loads(one.output) if one.output else one.status)
            kind, fields = Type.SUB_ORCHESTRATION_FAILED, {"Reason": reason, "Details": None}
        said = {**event(kind, self.now, TaskScheduledId=one.parent_task), **fields}
        return Message(one.parent, one.parent_execution, self.now, said)

    def _noted(self, task: Scheduled) -> Event:
        """The event that says in history that a task was scheduled."""
        if task.kind is Type.TIMER_CREATED:
            assert task.fire_at is not None
            return event(task.kind, self.now, task.id, FireAt=stamp(task.fire_at))
        noted = event(task.kind, self.now, task.id, Name=task.name, Version="", Input=task.input)
        if task.kind is Type.SUB_ORCHESTRATION_CREATED:
            noted["InstanceId"] = self._child_id(task)
        return noted

    def _timer(self, task: Scheduled) -> Message:
        assert task.fire_at is not None
        fired = event(Type.TIMER_FIRED, task.fire_at, TimerId=task.id, FireAt=stamp(task.fire_at))
        return Message(self.instance.id, self.instance.execution, task.fire_at, fired)

    def _child(self, task: Scheduled) -> Child:
        one = self.instance
        child = replace(
            new_instance(self._child_id(task), task.name, json.dumps(task.input), self.now),
            parent=one.id,
            parent_execution=one.execution,
            parent_task=task.id,
        )
        said = event(
            Type.SUB_ORCHESTRATION_FAILED,
            self.now,
            TaskScheduledId=task.id,
            Reason=f"an instance with the id {child.id} is live",
            Details=None,
        )
        refusal = Message(one.id, one.execution, self.now, said)
        return Child(child, beginning(child, self.now), refusal)

    def _child_id(self, task: Scheduled) -> str:
        return task.instance or f"{self.instance.execution}:{task.id:08X}"

    def _over(self) -> Event:
        return event(Type.ORCHESTRATOR_COMPLETED, self.now)


def new_instance(instance_id: str, name: str, text: str | None, now: datetime) -> Instance:
    """An instance that has not begun yet; `text` is its input as JSON."""
    at, execution = stamp(now), uuid.uuid4().hex
    return Instance(instance_id, execution, name, text, "Pending", None, None, at, at)


def beginning(one: Instance, now: datetime) -> Message:
    """The message that begins an execution."""
    said = started(now, one.name, one.input, one.id, one.execution, one.parent)
    return Message(one.id, one.execution, now, said)


def work_item(
    instance: Instance, history: Sequence[Event], inbox: Sequence[Message], now: datetime
) -> WorkItem:
    """A wake-up at `now`, or at the last instant in history where the clock went back since."""
    last = [instant(history[-1]["Timestamp"])] if history else []
    return WorkItem(instance, history, inbox, max([now, *last]))


def _last(events: Sequence[Event], *kinds: Type) -> int | None:
    found: list[int] = [e["EventType"] for e in events if e["EventType"] in kinds]
    return found[-1] if found else None


def _reason(fresh: Sequence[Event]) -> str | None:
    said: list[Any] = [e["Input"] for e in fresh if e["EventType"] == Type.EXECUTION_TERMINATED]
    return said[0] if said else None
