"""Orchestrations in a SQLite file; each step is one transaction."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from local.functions_host.clock import instant, stamp
from local.functions_host.durable.history import Event

# synchronous = NORMAL: a commit outlasts a kill of the process; after a power loss the last may
# be missing. FULL waits for the disk in every step.
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, execution TEXT NOT NULL, name TEXT NOT NULL, input TEXT,
    status TEXT NOT NULL, custom_status TEXT, output TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL, parent TEXT, parent_execution TEXT,
    parent_task INTEGER
);
CREATE TABLE IF NOT EXISTS history (
    instance TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL,
    PRIMARY KEY (instance, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, execution TEXT,
    due TEXT NOT NULL, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_due ON messages (due);
CREATE INDEX IF NOT EXISTS messages_by_instance ON messages (instance);
CREATE TABLE IF NOT EXISTS activities (
    instance TEXT NOT NULL, execution TEXT NOT NULL, task INTEGER NOT NULL,
    name TEXT NOT NULL, input TEXT, PRIMARY KEY (instance, execution, task)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS timers (
    name TEXT PRIMARY KEY, next TEXT NOT NULL
) WITHOUT ROWID;
"""

ENDS = frozenset({"Completed", "Failed", "Terminated"})
LIVE = frozenset({"Pending", "Running", "Suspended", "ContinuedAsNew"})


@dataclass(frozen=True)
class Instance:
    """An orchestration. `input`, `custom_status` and `output` are JSON texts; times are stamps.

    Python passes its input as a JSON text already, so `input` is the JSON of a string.
    """

    id: str
    execution: str
    name: str
    input: str | None
    status: str
    custom_status: str | None
    output: str | None
    created: str
    updated: str
    parent: str | None = None
    parent_execution: str | None = None
    parent_task: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDS


@dataclass(frozen=True)
class Message:
    """An event for an orchestration; `execution` None means its current execution."""

    instance: str
    execution: str | None
    due: datetime
    event: Event
    id: int = 0


@dataclass(frozen=True)
class Activity:
    """An activity to run, until its completion is stored."""

    instance: str
    execution: str
    task: int
    name: str
    input: str | None

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.instance, self.execution, self.task)


@dataclass(frozen=True)
class ChildInstance:
    """A sub-orchestration to start; `refusal` is sent if its id belongs to a live instance."""

    instance: Instance
    beginning: Message
    refusal: Message


@dataclass(frozen=True)
class TurnCommit:
    """All changes of one work item."""

    instance: Instance
    consumed: Sequence[int]
    appended: Sequence[Event]
    activities: Sequence[Activity] = ()
    messages: Sequence[Message] = ()
    children: Sequence[ChildInstance] = ()
    renewed: bool = False
    """Drop the history and all messages of the previous execution."""


@dataclass(frozen=True)
class Work:
    """The instances with due messages, and the time of the next message that is not due yet."""

    ready: Sequence[str]
    next_due: datetime | None


class DurableStore:
    """The SQLite file. Not thread-safe: the engine calls it from one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # Queries

    def instance(self, instance_id: str) -> Instance | None:
        row = self._db.execute("SELECT * FROM instances WHERE id = ?", (instance_id,)).fetchone()
        return Instance(*row) if row else None

    def instances(self, is_wanted: Callable[[Instance], bool]) -> list[Instance]:
        """All matching instances, in the order of their creation."""
        rows = self._db.execute("SELECT * FROM instances ORDER BY created, id")
        return [instance for row in rows if is_wanted(instance := Instance(*row))]

    def history(self, instance_id: str) -> list[Event]:
        query = "SELECT event FROM history WHERE instance = ? ORDER BY number"
        return [json.loads(text) for (text,) in self._db.execute(query, (instance_id,))]

    def inbox(self, instance_id: str, now: datetime) -> list[Message]:
        """The due messages of an instance, in order of arrival."""
        query = (
            "SELECT instance, execution, due, event, id FROM messages"
            " WHERE instance = ? AND due <= ? ORDER BY due, id"
        )
        rows = self._db.execute(query, (instance_id, stamp(now)))
        return [Message(i, x, instant(due), json.loads(e), n) for i, x, due, e, n in rows]

    def ready(self, now: datetime) -> list[str]:
        """The instances with due messages."""
        query = "SELECT DISTINCT instance FROM messages WHERE due <= ?"
        return [instance_id for (instance_id,) in self._db.execute(query, (stamp(now),))]

    def next_due(self, now: datetime) -> datetime | None:
        """The due time of the next message that is not due yet."""
        query = "SELECT MIN(due) FROM messages WHERE due > ?"
        (due,) = self._db.execute(query, (stamp(now),)).fetchone()
        return instant(due) if due else None

    def activities(self) -> list[Activity]:
        """All activities that are waiting or running."""
        return [Activity(*row) for row in self._db.execute("SELECT * FROM activities")]

    def next_run(self, timer: str) -> datetime | None:
        """The planned next run of a timer function, or None."""
        row = self._db.execute("SELECT next FROM timers WHERE name = ?", (timer,)).fetchone()
        return instant(row[0]) if row else None

    def work(self, now: datetime) -> Work:
        """What is to be done at `now`, and when there is more."""
        return Work(self.ready(now), self.next_due(now))

    # Changes

    def plan_run(self, timer: str, then: datetime) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO timers VALUES (?, ?)", (timer, stamp(then)))

    def start(self, instance: Instance, message: Message) -> bool:
        """Start an instance, replacing an ended one; False if one with this id is live."""
        with self._db:
            return self._begin(instance, message)

    def send(self, message: Message) -> None:
        with self._db:
            self._send([message])

    def drop(self, instance_id: str) -> None:
        """Delete the messages of an instance that has ended or does not exist."""
        with self._db:
            self._db.execute("DELETE FROM messages WHERE instance = ?", (instance_id,))

    def finish(self, activity: Activity, message: Message) -> bool:
        """Record an activity's end; False if already recorded, or if its execution has ended."""
        with self._db:
            deleted = self._db.execute(
                "DELETE FROM activities WHERE instance = ? AND execution = ? AND task = ?",
                activity.key,
            )
            if deleted.rowcount:
                self._send([message])
        return bool(deleted.rowcount)

    def commit(self, commit_data: TurnCommit) -> None:
        """Store all changes of a work item in one transaction."""
        instance = commit_data.instance
        with self._db:
            self._db.executemany(
                "DELETE FROM messages WHERE id = ?", [(number,) for number in commit_data.consumed]
            )
            if commit_data.renewed or instance.has_ended:
                # Timers and completions belong to one execution; events to any. Activities keep
                # running, as on Azure, but their completions are dropped.
                self._db.execute(
                    "DELETE FROM messages WHERE instance = ? AND execution IS NOT NULL",
                    (instance.id,),
                )
            if commit_data.renewed:
                self._db.execute("DELETE FROM history WHERE instance = ?", (instance.id,))
            self._append(instance.id, commit_data.appended)
            self._insert(instance)
            self._db.executemany(
                "INSERT INTO activities VALUES (?, ?, ?, ?, ?)",
                [(*a.key, a.name, a.input) for a in commit_data.activities],
            )
            self._send(commit_data.messages)
            for child in commit_data.children:
                if not self._begin(child.instance, child.beginning):
                    self._send([child.refusal])

    def purge(self, instance_id: str) -> bool:
        """Delete an ended instance; False if there is none."""
        with self._db:
            existing = self.instance(instance_id)
            if existing is None or not existing.has_ended:
                return False
            self._forget(instance_id)
        return True

    def _begin(self, instance: Instance, message: Message) -> bool:
        existing = self.instance(instance.id)
        if existing and not existing.has_ended:
            return False
        self._forget(instance.id)
        self._insert(instance)
        self._send([message])
        return True

    def _forget(self, instance_id: str) -> None:
        for table in ("history", "messages"):
            self._db.execute(f"DELETE FROM {table} WHERE instance = ?", (instance_id,))
        self._db.execute("DELETE FROM instances WHERE id = ?", (instance_id,))

    def _insert(self, instance: Instance) -> None:
        values: tuple[Any, ...] = tuple(vars(instance).values())
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO instances VALUES ({marks})", values)

    def _append(self, instance_id: str, events: Sequence[Event]) -> None:
        query = "SELECT COALESCE(MAX(number), -1) FROM history WHERE instance = ?"
        (last,) = self._db.execute(query, (instance_id,)).fetchone()
        rows = [(instance_id, last + n, json.dumps(e)) for n, e in enumerate(events, start=1)]
        self._db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)

    def _send(self, messages: Sequence[Message]) -> None:
        self._db.executemany(
            "INSERT INTO messages (instance, execution, due, event) VALUES (?, ?, ?, ?)",
            [(m.instance, m.execution, stamp(m.due), json.dumps(m.event)) for m in messages],
        )
