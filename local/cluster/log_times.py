"""The times of a log's lines. A container's process writes its log itself, so they are observed.

A line's time is when it was first seen: by a request for the log, at the latest when its container
ended. Times grow within a log, and never change once given.
"""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from pathlib import Path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def index_lines(log: Path, now: datetime) -> list[int]:
    """The times of the log's lines, in nanoseconds since 1970; those of new lines are recorded."""
    index = log.with_suffix(".times")
    known = [int(text) for text in index.read_text().split()] if index.exists() else []
    count = len(log.read_bytes().splitlines()) if log.exists() else 0
    first = max(known[-1] + 1 if known else 0, to_nanoseconds(now))
    added = [first + number for number in range(count - len(known))]
    if added:
        with index.open("a") as file:
            file.write("".join(f"{time}\n" for time in added))
    return known + added


def to_nanoseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def first_since(times: list[int], since: datetime) -> int:
    """The number of the first line that is not before this time."""
    return bisect_left(times, to_nanoseconds(since))


def rfc3339_nano(nanoseconds: int) -> str:
    """The form in which a container runtime writes times."""
    second, fraction = divmod(nanoseconds, 10**9)
    whole = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{fraction:09}Z"
