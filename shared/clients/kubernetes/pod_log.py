"""Parses the log of a container, in which each line begins with its time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.clients.kubernetes.pods import PodContainers

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?(.*)")
"""A time as RFC 3339 with up to nine digits of a second, and the text."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a source; positions grow within a source."""

    source: str
    position: int
    at: datetime
    app: str
    """The label `app` of the pod: what it does for the search."""
    pod: str
    container: str
    """Empty for an event of the pod."""
    text: str
    is_gap: bool = False
    """A notice that earlier lines of the source may be missing."""

    def with_text(self, text: str) -> "LogLine":
        return replace(self, text=text)


def parse_lines(pod: PodContainers, container: str, log: str, is_whole: bool) -> list[LogLine]:
    """The lines of a log with times. Their position is the time in nanoseconds.

    Unless the log `is_whole`, a last line without its end is left out: it was cut, or is being
    written.
    """
    source = f"{pod.uid}/{container}"
    whole = log if is_whole else log[: log.rfind("\n") + 1]
    return [
        LogLine(source, position, at, pod.app, pod.name, container, text)
        for position, at, text in _stamped(whole)
    ]


def _stamped(log: str) -> Iterator[tuple[int, datetime, str]]:
    last = 0
    for line in log.split("\n"):
        if match := _LINE.fullmatch(line.removesuffix("\r")):
            second = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
            nanoseconds = int((match[2] or "").ljust(9, "0"))
            position = (second - EPOCH) // timedelta(seconds=1) * 10**9 + nanoseconds
            last = max(position, last + 1)  # lines of one instant stay apart
            yield last, second + timedelta(microseconds=nanoseconds // 1000), match[4]
