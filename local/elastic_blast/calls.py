"""The record of submissions: one line when a call begins, one when it ends."""

import json
import os
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One call of `submit`."""

    id: str
    key: str
    time: str
    """Start of the call: ISO 8601, UTC."""
    number: int
    """1 for the first call with this key."""
    outcome: str | None = None
    """The decision, the category, or `no answer`; None: it was killed, or still runs."""
    exit_code: int | None = None


def begin(path: Path, key: str, now: datetime) -> Call:
    """Record the start of a call. Calls that begin at the same instant get different numbers."""
    id = uuid.uuid4().hex
    _append(path, {"call": id, "key": key, "time": now.isoformat()})
    return next(call for call in read_calls(path) if call.id == id)


def end(path: Path, call: Call, outcome: str, exit_code: int) -> None:
    """Record the end of a call."""
    _append(path, {"ended": call.id, "outcome": outcome, "exit_code": exit_code})


def read_calls(path: Path, key: str | None = None) -> tuple[Call, ...]:
    """All calls in the order of their starts, or those with `key`."""
    calls: dict[str, Call] = {}
    numbers: dict[str, int] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        entry = json.loads(line)
        if id := entry.get("ended"):
            calls[id] = replace(calls[id], outcome=entry["outcome"], exit_code=entry["exit_code"])
        else:
            numbers[entry["key"]] = number = numbers.get(entry["key"], 0) + 1
            calls[entry["call"]] = Call(entry["call"], entry["key"], entry["time"], number)
    return tuple(call for call in calls.values() if key in (None, call.key))


def _append(path: Path, line: dict[str, object]) -> None:
    """Append a line in one write, so that lines of concurrent programs do not mix."""
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(target, (json.dumps(line) + "\n").encode())
    finally:
        os.close(target)
