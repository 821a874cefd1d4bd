"""What all hits of a job come to: read in slices, kept beside the manifest, so read only once."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.blast.result_files import AGGREGATE, AGGREGATING
from shared.clients.blobs import Blobs
from shared.hits import Hit, ReadLimitReached, Unreadable
from shared.hits.tally import Tally

TIME_LIMIT = timedelta(seconds=12)
"""After so long no further file is begun; the dashboard waits 30 s for an answer."""
_VERSION = 2
"""Of what is stored. What an older version left is read anew."""


@dataclass
class AggregationProgress:
    """How far the files of a job were read, in their order."""

    tally: Tally = field(default_factory=Tally)
    parsed: int = 0
    """Files that were read to their end."""
    cut: int = 0
    """Files that are longer than what is read of one."""
    unreadable: list[dict[str, str]] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return self.parsed + self.cut + len(self.unreadable)

    @classmethod
    def stored(cls, data: bytes | None) -> "AggregationProgress":
        found = json.loads(data) if data else {}
        if found.get("version") != _VERSION:
            return cls()
        return cls(Tally(found["tally"]), found["parsed"], found["cut"], found["unreadable"])

    def to_store(self) -> bytes:
        facts = {"parsed": self.parsed, "cut": self.cut, "unreadable": self.unreadable}
        return json.dumps({"version": _VERSION, "tally": self.tally.to_state(), **facts}).encode()

    def read(self, name: str, hits: Iterator[Hit]) -> None:
        """One file more. What was read of it before trouble is counted."""
        try:
            self.tally.add(hits)
        except ReadLimitReached:
            self.cut += 1
        except Unreadable as error:
            self.unreadable.append({"name": name, "code": error.code, "message": str(error)})
        else:
            self.parsed += 1

    def to_json(self, total: int) -> dict[str, Any]:
        """The statistics as the dashboard reads them, and how much of the files they cover."""
        return self.tally.to_json() | {
            "files_parsed": self.parsed,
            "total_files": total,
            "files_cut": self.cut,
            "files_unreadable": self.unreadable,
            "truncated": self.parsed < total,
            "more_to_read": self.passed < total,
        }


@dataclass(frozen=True)
class Aggregation:
    """Goes on where the answer before it stopped; the stored results are the same for everyone.

    Two that do it at once read the same files in the same order, so it does not matter whose
    progress is kept.
    """

    blobs: Blobs
    clock: Callable[[], float]
    """Seconds, monotonic."""

    def stats(
        self, prefix: str, names: Sequence[str], hits_in: Callable[[str], Iterator[Hit]]
    ) -> dict[str, Any]:
        """The statistics of all files below `prefix`, or of as many as the patience allows."""
        known = json.loads(self.blobs.get(prefix + AGGREGATE) or b"{}")
        if known.get("version") == _VERSION:
            stats: dict[str, Any] = known["stats"]
            return stats
        progress = AggregationProgress.stored(self.blobs.get(prefix + AGGREGATING))
        until = self.clock() + TIME_LIMIT.total_seconds()
        for name in names[progress.passed :]:
            progress.read(name, hits_in(name))
            if self.clock() > until:
                break
        stats = progress.to_json(len(names))
        self._keep(prefix, progress, stats)
        return stats

    def _keep(self, prefix: str, progress: AggregationProgress, stats: dict[str, Any]) -> None:
        if stats["more_to_read"]:
            self.blobs.put(prefix + AGGREGATING, progress.to_store())
        else:
            data = json.dumps({"version": _VERSION, "stats": stats}).encode()
            self.blobs.put(prefix + AGGREGATE, data)
