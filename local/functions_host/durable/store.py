"""Orchestrations in a SQLite file: what is acknowledged is on disk, a step is one transaction."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from local.functions_host.clock import instant, stamp
from local.functions_host.durable.history import Event

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
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

    What Python passes on as input is a JSON text already, so that `input` is the JSON of a string.
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
    """Something for an orchestration; `execution` is None where it is for whichever one lives."""

    instance: str
    execution: str | None
    due: datetime
    event: Event
    id: int = 0


@dataclass(frozen=True)
class Activity:
    """An activity to run; it is run until its completion is on disk."""

    instance: str
    execution: str
    task: int
    name: str
    input: str | None

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.instance, self.execution, self.task)


@dataclass(frozen=True)
class Child:
    """A sub-orchestration to begin; `refusal` is sent where its id belongs to a live instance."""

    instance: Instance
    beginning: Message
    refusal: Message


@dataclass(frozen=True)
class TurnCommit:
    """All that one wake-up of an orchestration changes."""

    instance: Instance
    consumed: Sequence[int]
    appended: Sequence[Event]
    activities: Sequence[Activity] = ()
    messages: Sequence[Message] = ()
    children: Sequence[Child] = ()
    renewed: bool = False
    """The history so far is dropped, with every message of the execution before."""


class Store:
    """The file. Not for several threads at once: the engine asks it from one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # Asking

    def instance(self, instance_id: str) -> Instance | None:
        row = self._db.execute("SELECT * FROM instances WHERE id = ?", (instance_id,)).fetchone()
        return Instance(*row) if row else None

    def instances(self, wanted: Callable[[Instance], bool]) -> list[Instance]:
        """Those that are wanted, in the order of their creation."""
        rows = self._db.execute("SELECT * FROM instances ORDER BY created, id")
        return [found for row in rows if wanted(found := Instance(*row))]

    def history(self, instance_id: str) -> list[Event]:
        query = "SELECT event FROM history WHERE instance = ? ORDER BY number"
        return [json.loads(text) for (text,) in self._db.execute(query, (instance_id,))]

    def inbox(self, instance_id: str, now: datetime) -> list[Message]:
        """What is due for an instance, in the order in which it came."""
        query = (
            "SELECT instance, execution, due, event, id FROM messages"
            " WHERE instance = ? AND due <= ? ORDER BY due, id"
        )
        rows = self._db.execute(query, (instance_id, stamp(now)))
        return [Message(i, x, instant(due), json.loads(e), n) for i, x, due, e, n in rows]

    def ready(self, now: datetime) -> list[str]:
        """The instances for which something is due."""
        query = "SELECT DISTINCT instance FROM messages WHERE due <= ?"
        return [found for (found,) in self._db.execute(query, (stamp(now),))]

    def next_due(self, now: datetime) -> datetime | None:
        """When the next message is due, of those that are not yet."""
        query = "SELECT MIN(due) FROM messages WHERE due > ?"
        (found,) = self._db.execute(query, (stamp(now),)).fetchone()
        return instant(found) if found else None

    def activities(self) -> list[Activity]:
        """Everything that has to run, or runs."""
        return [Activity(*row) for row in self._db.execute("SELECT * FROM activities")]

    def next_run(self, timer: str) -> datetime | None:
        """When a timer function was to run next, the last time that it was said."""
        row = self._db.execute("SELECT next FROM timers WHERE name = ?", (timer,)).fetchone()
        return instant(row[0]) if row else None

    # Changing

    def plan_run(self, timer: str, then: datetime) -> None:
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO timers VALUES (?, ?)", (timer, stamp(then)))

    def start(self, instance: Instance, message: Message) -> bool:
        """Begin an instance, over one that has ended; False where one of this id is live."""
        with self._db:
            return self._begin(instance, message)

    def send(self, message: Message) -> None:
        with self._db:
            self._send([message])

    def drop(self, instance_id: str) -> None:
        """Drop what came for an instance that has ended, or never was."""
        with self._db:
            self._db.execute("DELETE FROM messages WHERE instance = ?", (instance_id,))

    def finish(self, activity: Activity, message: Message) -> bool:
        """Note the end of an activity; False where it had been noted before, or is not wanted."""
        with self._db:
            deleted = self._db.execute(
                "DELETE FROM activities WHERE instance = ? AND execution = ? AND task = ?",
                activity.key,
            )
            if deleted.rowcount:
                self._send([message])
        return bool(deleted.rowcount)

    def commit(self, turn: TurnCommit) -> None:
        """Keep a whole turn, or nothing of it."""
        one = turn.instance
        with self._db:
            self._db.executemany(
                "DELETE FROM messages WHERE id = ?", [(number,) for number in turn.consumed]
            )
            if turn.renewed or one.has_ended:
                # Timers and completions belong to an execution; events are for any. Activities
                # run on, as on Azure; nobody hears of their ends.
                self._db.execute(
                    "DELETE FROM messages WHERE instance = ? AND execution IS NOT NULL", (one.id,)
                )
            if turn.renewed:
                self._db.execute("DELETE FROM history WHERE instance = ?", (one.id,))
            self._append(one.id, turn.appended)
            self._insert(one)
            self._db.executemany(
                "INSERT INTO activities VALUES (?, ?, ?, ?, ?)",
                [(*a.key, a.name, a.input) for a in turn.activities],
            )
            self._send(turn.messages)
            for child in turn.children:
                if not self._begin(child.instance, child.beginning):
                    self._send([child.refusal])

    def purge(self, instance_id: str) -> bool:
        """Forget an instance that has ended; False where there is none."""
        with self._db:
            known = self.instance(instance_id)
            if known is None or not known.has_ended:
                return False
            self._forget(instance_id)
        return True

    def _begin(self, instance: Instance, message: Message) -> bool:
        known = self.instance(instance.id)
        if known and not known.has_ended:
            return False
        self._forget(instance.id)
        self._insert(instance)
        self._send([message])
        return True

    def _forget(self, instance_id: str) -> None:
        for table in ("history", "messages"):
            self._db.execute(f"DELETE FROM {table} WHERE instance = ?", (instance_id,))
        self._db.execute("DELETE FROM instances WHERE id = ?", (instance_id,))

    def _insert(self, one: Instance) -> None:
        values: tuple[Any, ...] = tuple(vars(one).values())
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
