"""The record of submissions: one line when a call begins, one when it has answered."""

import json
import os
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One `submit` as the record has it."""

    id: str
    key: str
    time: str
    """When it began: ISO 8601, UTC."""
    number: int
    """1 for the first call with this key."""
    outcome: str | None = None
    """The decision, the category, or `no answer`; None: it was killed, or still runs."""
    exit_code: int | None = None


def begin(path: Path, key: str, now: datetime) -> Call:
    """Note that a call begins. Calls that begin at the same instant get different numbers."""
    id = uuid.uuid4().hex
    _append(path, {"call": id, "key": key, "time": now.isoformat()})
    return next(call for call in read_calls(path) if call.id == id)


def end(path: Path, call: Call, outcome: str, exit_code: int) -> None:
    """Note how a call ended."""
    _append(path, {"ended": call.id, "outcome": outcome, "exit_code": exit_code})


def read_calls(path: Path, key: str | None = None) -> tuple[Call, ...]:
    """All calls in the order in which they began, or those with `key`."""
    calls: dict[str, Call] = {}
    numbers: dict[str, int] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        found = json.loads(line)
        if id := found.get("ended"):
            calls[id] = replace(calls[id], outcome=found["outcome"], exit_code=found["exit_code"])
        else:
            numbers[found["key"]] = number = numbers.get(found["key"], 0) + 1
            calls[found["call"]] = Call(found["call"], found["key"], found["time"], number)
    return tuple(call for call in calls.values() if key in (None, call.key))


def _append(path: Path, line: dict[str, object]) -> None:
    """Add a line in one write, so that the lines of programs at work together stay whole."""
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(target, (json.dumps(line) + "\n").encode())
    finally:
        os.close(target)
