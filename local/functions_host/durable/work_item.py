"""A work item: runs the orchestrator function, replays its actions, and builds the changes."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.functions_host.clock import instant, stamp
from local.functions_host.durable.history import COMPLETIONS, Event, Type, event, started, task_of
from local.functions_host.durable.orchestrator_result import (
    OrchestratorResult,
    dumps,
    parse_failure,
    parse_result,
)
from local.functions_host.durable.replay import (
    NonDeterminismError,
    Replay,
    ReplayResult,
    Scheduled,
    Unsupported,
)
from local.functions_host.durable.store import (
    Activity,
    ChildInstance,
    Instance,
    Message,
    TurnCommit,
)

OrchestratorFunction = Callable[[str], str]
"""The orchestrator function: takes the context and returns its state, both as JSON strings."""


@dataclass(frozen=True)
class WorkItem:
    """An instance with its history and its new messages."""

    instance: Instance
    history: Sequence[Event]
    inbox: Sequence[Message]
    now: datetime

    def run(self, orchestrator: OrchestratorFunction | None) -> TurnCommit | None:
        """The changes of this work item; None if the orchestrator function is needed but missing.

        Raises only on a bug of the host.
        """
        new_events = self._new_events()
        consumed = [message.id for message in self.inbox]
        if not new_events:
            return TurnCommit(self.instance, consumed, [])
        started_events = [event(Type.ORCHESTRATOR_STARTED, self.now), *new_events]
        if any(
            history_event["EventType"] == Type.EXECUTION_TERMINATED for history_event in new_events
        ):
            return self._ended(consumed, started_events, "Terminated", _reason(new_events))
        if orchestrator is None:
            return None
        result = self._run_orchestrator(orchestrator, started_events)
        if result.status_too_long:
            return self._failed(
                consumed, started_events, "the custom status is longer than 16 KB in UTF-16"
            )
        try:
            replay_result = Replay(result).run([*self.history, *started_events])
        except (NonDeterminismError, Unsupported) as failure:
            return self._failed(consumed, started_events, str(failure))
        return self._apply_replay(result, replay_result, consumed, started_events)

    def _new_events(self) -> list[Event]:
        """The new events: of this execution, without completions that are already in history."""
        known = {task_of(e) for e in self.history if e["EventType"] in COMPLETIONS}
        new_events = []
        for message in self.inbox:
            if message.execution not in (None, self.instance.execution):
                continue
            if message.event["EventType"] in COMPLETIONS:
                task = task_of(message.event)
                if task in known:
                    continue
                known.add(task)
            new_events.append(message.event)
        # ExecutionStarted comes first, even if other events arrived before it.
        return sorted(new_events, key=lambda e: e["EventType"] != Type.EXECUTION_STARTED)

    def _run_orchestrator(
        self, orchestrator: OrchestratorFunction, started_events: Sequence[Event]
    ) -> OrchestratorResult:
        """Run the orchestrator; its exception is a result, too."""
        context = {
            "history": [
                *({**history_event, "IsPlayed": True} for history_event in self.history),
                *({**history_event, "IsPlayed": False} for history_event in started_events),
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
            return parse_result(orchestrator(json.dumps(context)))
        except Exception as error:  # noqa: BLE001  any exception of an orchestrator is its failure
            return parse_failure(error)

    def _apply_replay(
        self,
        result: OrchestratorResult,
        replay_result: ReplayResult,
        consumed: Sequence[int],
        started_events: list[Event],
    ) -> TurnCommit:
        # Each result sets the status anew; the status from before a continue_as_new survives for
        # one work item only.
        previous_status = None if self.history else self.instance.custom_status
        updated = replace(
            self,
            instance=replace(self.instance, custom_status=result.custom_status or previous_status),
        )
        scheduled_events = [updated._scheduled_event(task) for task in replay_result.scheduled]
        if replay_result.through and replay_result.renewed:
            return updated._renewed(consumed, replay_result)
        if replay_result.through and result.error is not None:
            return updated._failed(consumed, [*started_events, *scheduled_events], result.error)
        if replay_result.through:
            return updated._ended(
                consumed, [*started_events, *scheduled_events], "Completed", result.output
            )
        return updated._continue(consumed, started_events, replay_result.scheduled)

    def _continue(
        self, consumed: Sequence[int], started_events: list[Event], scheduled: Sequence[Scheduled]
    ) -> TurnCommit:
        instance = self.instance
        suspended = _last(started_events, Type.EXECUTION_SUSPENDED, Type.EXECUTION_RESUMED)
        status = (
            "Running" if suspended is None and instance.status != "Suspended" else instance.status
        )
        if suspended is not None:
            status = "Suspended" if suspended == Type.EXECUTION_SUSPENDED else "Running"
        timers = [task for task in scheduled if task.kind is Type.TIMER_CREATED]
        children = [task for task in scheduled if task.kind is Type.SUB_ORCHESTRATION_CREATED]
        calls = [task for task in scheduled if task.kind is Type.TASK_SCHEDULED]
        return TurnCommit(
            instance=replace(instance, status=status, updated=stamp(self.now)),
            consumed=consumed,
            appended=[
                *started_events,
                *map(self._scheduled_event, scheduled),
                self._completed_event(),
            ],
            activities=[
                Activity(instance.id, instance.execution, t.id, t.name, t.input) for t in calls
            ],
            messages=[self._timer(task) for task in timers],
            children=[self._child(task) for task in children],
        )

    def _renewed(self, consumed: Sequence[int], replay_result: ReplayResult) -> TurnCommit:
        now, execution, text = (
            stamp(self.now),
            uuid.uuid4().hex,
            json.dumps(replay_result.next_input),
        )
        renewed = replace(self.instance, execution=execution, input=text, created=now, updated=now)
        carried_over = [
            Message(renewed.id, execution, self.now, history_event)
            for history_event in replay_result.carried_over
        ]
        messages = [start_message(renewed, self.now), *carried_over]
        return TurnCommit(renewed, consumed, [], messages=messages, renewed=True)

    def _failed(
        self, consumed: Sequence[int], started_events: Sequence[Event], reason: str
    ) -> TurnCommit:
        text = f"Orchestrator function '{self.instance.name}' failed: {reason}"
        return self._ended(consumed, started_events, "Failed", dumps(text))

    def _ended(
        self,
        consumed: Sequence[int],
        started_events: Sequence[Event],
        status: str,
        output: str | None,
    ) -> TurnCommit:
        instance = replace(self.instance, status=status, output=output, updated=stamp(self.now))
        done = event(Type.EXECUTION_COMPLETED, self.now, OrchestrationStatus=status, Result=output)
        parent_messages = [] if instance.parent is None else [self._to_parent(instance)]
        return TurnCommit(
            instance,
            consumed,
            [*started_events, done, self._completed_event()],
            messages=parent_messages,
        )

    def _to_parent(self, instance: Instance) -> Message:
        assert instance.parent is not None
        kind, fields = Type.SUB_ORCHESTRATION_COMPLETED, {"Result": instance.output}
        if instance.status != "Completed":
            reason = str(json.loads(instance.output) if instance.output else instance.status)
            kind, fields = Type.SUB_ORCHESTRATION_FAILED, {"Reason": reason, "Details": None}
        message_event = {**event(kind, self.now, TaskScheduledId=instance.parent_task), **fields}
        return Message(instance.parent, instance.parent_execution, self.now, message_event)

    def _scheduled_event(self, task: Scheduled) -> Event:
        """The history event of a scheduled task."""
        if task.kind is Type.TIMER_CREATED:
            assert task.fire_at is not None
            return event(task.kind, self.now, task.id, FireAt=stamp(task.fire_at))
        scheduled_event = event(
            task.kind, self.now, task.id, Name=task.name, Version="", Input=task.input
        )
        if task.kind is Type.SUB_ORCHESTRATION_CREATED:
            scheduled_event["InstanceId"] = self._child_id(task)
        return scheduled_event

    def _timer(self, task: Scheduled) -> Message:
        assert task.fire_at is not None
        fired = event(Type.TIMER_FIRED, task.fire_at, TimerId=task.id, FireAt=stamp(task.fire_at))
        return Message(self.instance.id, self.instance.execution, task.fire_at, fired)

    def _child(self, task: Scheduled) -> ChildInstance:
        instance = self.instance
        child = replace(
            new_instance(self._child_id(task), task.name, json.dumps(task.input), self.now),
            parent=instance.id,
            parent_execution=instance.execution,
            parent_task=task.id,
        )
        message_event = event(
            Type.SUB_ORCHESTRATION_FAILED,
            self.now,
            TaskScheduledId=task.id,
            Reason=f"an instance with the id {child.id} is live",
            Details=None,
        )
        refusal = Message(instance.id, instance.execution, self.now, message_event)
        return ChildInstance(child, start_message(child, self.now), refusal)

    def _child_id(self, task: Scheduled) -> str:
        return task.instance or f"{self.instance.execution}:{task.id:08X}"

    def _completed_event(self) -> Event:
        return event(Type.ORCHESTRATOR_COMPLETED, self.now)


def new_instance(instance_id: str, name: str, text: str | None, now: datetime) -> Instance:
    """A new instance; `text` is its input as JSON."""
    created, execution = stamp(now), uuid.uuid4().hex
    return Instance(instance_id, execution, name, text, "Pending", None, None, created, created)


def start_message(instance: Instance, now: datetime) -> Message:
    """The message that starts an execution."""
    message_event = started(
        now, instance.name, instance.input, instance.id, instance.execution, instance.parent
    )
    return Message(instance.id, instance.execution, now, message_event)


def work_item(
    instance: Instance, history: Sequence[Event], inbox: Sequence[Message], now: datetime
) -> WorkItem:
    """A work item at `now`, or at the last instant in history if the clock went back."""
    last = [instant(history[-1]["Timestamp"])] if history else []
    return WorkItem(instance, history, inbox, max([now, *last]))


def _last(events: Sequence[Event], *kinds: Type) -> int | None:
    matching_types: list[int] = [e["EventType"] for e in events if e["EventType"] in kinds]
    return matching_types[-1] if matching_types else None


def _reason(new_events: Sequence[Event]) -> str | None:
    reasons: list[Any] = [
        e["Input"] for e in new_events if e["EventType"] == Type.EXECUTION_TERMINATED
    ]
    return reasons[0] if reasons else None
