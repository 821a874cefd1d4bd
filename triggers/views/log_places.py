"""How far a reader has got in each source of a job's log. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.clients.kubernetes import LogLine

MAX_SOURCES = 64
_CURSOR = re.compile(
    r"([0-9]{1,8})((?:\.[0-9a-f]{8}-[0-9a-f]{1,16}-[0-9a-f]{1,4}-[0-9a-f]{8}){0,64})"
)


@dataclass(frozen=True)
class LogPlace:
    """A place in a source: behind `count` lines of a position, the last of which has the digest.

    The digest finds that line again where a log no longer has the first lines of the position.
    """

    position: int
    count: int = 1
    digest: str = "0" * 8

    def unread(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Those of a source's lines that are behind the place, in order."""
        here = [line for line in lines if line.position == self.position]
        read = [at for at, line in enumerate(here[: self.count], 1) if line.digest == self.digest]
        behind = [line for line in lines if line.position > self.position]
        return here[max(read, default=0) :] + behind

    @staticmethod
    def after(lines: Sequence[LogLine], earlier: "LogPlace | None") -> "LogPlace":
        """The place of a reader at `earlier` that has got a source's lines now."""
        unread = earlier.unread(lines) if earlier else lines
        if earlier and not unread:
            return earlier
        last = unread[-1]
        count = sum(line.position == last.position for line in unread)
        if earlier and earlier.position == last.position:
            count += earlier.count
        return LogPlace(last.position, count, last.digest)


@dataclass(frozen=True)
class Cursor:
    """What a reader has got: events up to `sequence`, and lines up to a place of each source."""

    sequence: int = 0
    places: Mapping[str, LogPlace] = field(default_factory=dict)
    """By the digest of the source's name."""

    @staticmethod
    def parse(text: str) -> "Cursor":
        """The cursor in a Last-Event-ID; any other text asks for the log from its start."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            return Cursor()
        places = {}
        for part in match[2].split(".")[1:]:
            key, position, count, digest = part.split("-")
            places[key] = LogPlace(int(position, 16), int(count, 16), digest)
        return Cursor(int(match[1]), places)

    def __str__(self) -> str:
        parts = (
            f".{key}-{place.position:x}-{place.count:x}-{place.digest}"
            for key, place in self.places.items()
        )
        return str(self.sequence) + "".join(parts)

    def moved(self, sequences: Iterable[int], places: Mapping[str, LogPlace]) -> "Cursor":
        """The cursor after these events, and at these places. Other sources keep theirs, while
        there is room: a pod can be left out of one look and be in the next."""
        kept = {key: place for key, place in self.places.items() if key not in places}
        listed = [*places.items(), *kept.items()][:MAX_SOURCES]
        return Cursor(max([self.sequence, *sequences]), dict(listed))
