"""Parses the log of a container, in which each line begins with its time."""

import hashlib
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
    """A line of a source. Positions never fall within a source; lines can have the same one."""

    source: str
    position: int
    at: datetime
    app: str
    """The label `app` of the pod: what it does for the search."""
    pod: str
    container: str
    """Empty for an event of the pod."""
    text: str
    digest: str
    """Of the text as it was written: a redaction depends on the lines around."""
    is_gap: bool = False
    """A notice that lines of the source before the next one may be missing."""

    def with_text(self, text: str) -> "LogLine":
        return replace(self, text=text)


def digest_of(text: str) -> str:
    """Eight hexadecimal digits that tell texts apart, and do not tell what they are."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def parse_lines(pod: PodContainers, container: str, log: str, is_whole: bool) -> list[LogLine]:
    """The lines of a log with times. Their position is the time in nanoseconds.

    Unless the log `is_whole`, a last line without its end is left out: it was cut, or is being
    written.
    """
    source = f"{pod.uid}/{container}"
    whole = log if is_whole else log[: log.rfind("\n") + 1]
    return [
        LogLine(source, position, at, pod.app, pod.name, container, text, digest_of(text))
        for position, at, text in _stamped(whole)
    ]


def _stamped(log: str) -> Iterator[tuple[int, datetime, str]]:
    last = 0
    for line in log.split("\n"):
        if match := _LINE.fullmatch(line.removesuffix("\r")):
            second = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
            nanoseconds = int((match[2] or "").ljust(9, "0"))
            position = (second - EPOCH) // timedelta(seconds=1) * 10**9 + nanoseconds
            last = max(position, last)  # a clock can be set back
            yield last, second + timedelta(microseconds=nanoseconds // 1000), match[4]
