"""The statements that change the task hub; each is part of a transaction of its caller."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from local.functions_host.clock import stamp
from local.functions_host.durable import history
from local.functions_host.durable.history import Event, Type
from local.functions_host.durable.values import ENDED, PENDING, RUNNING, Episode, Instance, Parent


def post(sql: sqlite3.Connection, instance: str, run: str | None, due: str, event: Event) -> None:
    sql.execute(
        "insert into inbox (instance, execution, due, event) values (?, ?, ?, ?)",
        (instance, run, due, json.dumps(event)),
    )


def delete(sql: sqlite3.Connection, messages: Iterable[int]) -> None:
    sql.executemany("delete from inbox where sequence = ?", [(number,) for number in messages])


def append(sql: sqlite3.Connection, instance: str, at: int, events: Sequence[Event]) -> None:
    rows = [(instance, at + step, json.dumps(event)) for step, event in enumerate(events)]
    sql.executemany("insert into history values (?, ?, ?)", rows)


def start(
    sql: sqlite3.Connection,
    instance: str,
    name: str,
    text: str | None,
    now: datetime,
    parent: Parent | None,
) -> bool:
    row = sql.execute("select status from instances where id = ?", (instance,)).fetchone()
    if row and row["status"] not in ENDED:
        return False
    execution, at = uuid4().hex, stamp(now)
    whose = (parent.instance, parent.execution, parent.task) if parent else (None, None, None)
    sql.execute("delete from history where instance = ?", (instance,))
    sql.execute("delete from inbox where instance = ?", (instance,))
    sql.execute(
        "insert or replace into instances values (?, ?, ?, ?, ?, null, null, ?, ?, ?, ?, ?)",
        (instance, execution, name, text, PENDING, at, at, *whose),
    )
    first = history.started(now, name, text, instance, execution, parent and parent.instance)
    post(sql, instance, execution, at, first)
    return True


def schedule(sql: sqlite3.Connection, instance: Instance, episode: Episode) -> None:
    tasks = [(instance.id, instance.execution, *task) for task in episode.tasks]
    sql.executemany(
        "insert into tasks (instance, execution, task, name, input) values (?, ?, ?, ?, ?)", tasks
    )
    for timer in episode.timers:
        post(sql, instance.id, instance.execution, timer["FireAt"], timer)
    for child in episode.children:
        parent = Parent(instance.id, instance.execution, child.task)
        if not start(sql, child.id, child.name, child.input, episode.now, parent):
            reason = f"An instance with the id '{child.id}' is already running."
            refusal = history.event(
                Type.SUB_ORCHESTRATION_FAILED,
                episode.now,
                TaskScheduledId=child.task,
                Reason=reason,
                Details=None,
            )
            post(sql, instance.id, instance.execution, stamp(episode.now), refusal)


def renew(sql: sqlite3.Connection, instance: Instance, episode: Episode) -> None:
    """Continue as new: an empty history, a new execution, and the time of creation is now."""
    execution, now, text = uuid4().hex, episode.now, episode.next_input
    sql.execute("delete from history where instance = ?", (instance.id,))
    sql.execute(
        "update instances set execution = ?, input = ?, custom_status = ?, status = ?,"
        " created = ?, updated = ? where id = ?",
        (execution, text, episode.custom_status, RUNNING, stamp(now), stamp(now), instance.id),
    )
    parent = instance.parent and instance.parent.instance
    first = history.started(now, instance.name, text, instance.id, execution, parent)
    post(sql, instance.id, execution, stamp(now), first)


def settle(sql: sqlite3.Connection, instance: Instance, episode: Episode) -> None:
    at = stamp(episode.now)
    sql.execute(
        "update instances set status = ?, custom_status = ?, output = ?, updated = ? where id = ?",
        (episode.status, episode.custom_status, episode.output, at, instance.id),
    )
    if episode.reply is not None and instance.parent is not None:
        parent = instance.parent
        post(sql, parent.instance, parent.execution, at, episode.reply)
