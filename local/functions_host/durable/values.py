"""The values that pass between the store and the engine: instances, work, and what came of it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from local.functions_host.durable.history import Event

PENDING, RUNNING, SUSPENDED = "Pending", "Running", "Suspended"
COMPLETED, FAILED, TERMINATED = "Completed", "Failed", "Terminated"
ENDED = frozenset({COMPLETED, FAILED, TERMINATED})


@dataclass(frozen=True)
class Parent:
    """Who waits for a sub-orchestration: the instance, its execution, and the task there."""

    instance: str
    execution: str
    task: int


@dataclass(frozen=True)
class Instance:
    """One orchestration instance; `input`, `custom_status` and `output` are JSON texts."""

    id: str
    execution: str
    name: str
    input: str | None
    status: str
    custom_status: str | None
    output: str | None
    created: str
    updated: str
    parent: Parent | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class Work:
    """What one episode starts from; `messages` are the numbers of the inbox rows in `arrived`."""

    instance: Instance
    past: Sequence[Event]
    arrived: Sequence[Event]
    messages: Sequence[int]


@dataclass(frozen=True)
class Task:
    """An activity to run once more, until its result is known; `input` is JSON."""

    sequence: int
    instance: str
    execution: str
    task: int
    name: str
    input: str | None


@dataclass(frozen=True)
class Child:
    """A sub-orchestration to start."""

    id: str
    name: str
    input: str | None
    task: int


@dataclass(frozen=True)
class Episode:
    """What one episode came to; all of it is written in one transaction."""

    now: datetime
    events: Sequence[Event]
    status: str
    custom_status: str | None = None
    output: str | None = None
    tasks: Sequence[tuple[int, str, str | None]] = ()
    timers: Sequence[Event] = ()
    children: Sequence[Child] = ()
    renewed: bool = False
    next_input: str | None = None
    reply: Event | None = None


def instance_of(row: sqlite3.Row) -> Instance:
    values = dict(row)
    parent, execution, task = (
        values.pop(key) for key in ("parent", "parent_execution", "parent_task")
    )
    return Instance(**values, parent=Parent(parent, execution, task) if parent else None)
