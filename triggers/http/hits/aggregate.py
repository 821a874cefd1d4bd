"""Statistics of all hits of a job, computed in slices and stored with the results."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared.blast.result_files import AGGREGATE, AGGREGATING
from shared.clients.blobs import Blobs
from shared.hits import Hit, ReadLimitReached, Unreadable
from shared.hits.tally import Tally
from shared.util.threads import in_thread
from triggers.schemas.results import FileUnreadable, Stats

TIME_LIMIT = timedelta(seconds=12)
"""No further file is started after this; the dashboard's client times out after 30 s."""
_VERSION = 2
"""Version of the stored JSON. Files of other versions are ignored and computed again."""


@dataclass
class AggregationProgress:
    """The tally of the files that were read so far, in the order of the manifest."""

    tally: Tally = field(default_factory=Tally)
    parsed: int = 0
    """Files that were read to their end."""
    cut: int = 0
    """Files whose reading stopped at the read limit."""
    unreadable: list[FileUnreadable] = field(default_factory=list)

    @property
    def processed(self) -> int:
        return self.parsed + self.cut + len(self.unreadable)

    @classmethod
    def from_bytes(cls, data: bytes | None) -> "AggregationProgress":
        """Load stored progress; start from zero without data or with another version."""
        stored = json.loads(data) if data else {}
        if stored.get("version") != _VERSION:
            return cls()
        unreadable = [FileUnreadable.model_validate(file) for file in stored["unreadable"]]
        return cls(Tally(stored["tally"]), stored["parsed"], stored["cut"], unreadable)

    def to_bytes(self) -> bytes:
        stored = {
            "version": _VERSION,
            "tally": self.tally.to_state(),
            "parsed": self.parsed,
            "cut": self.cut,
            "unreadable": [file.to_json() for file in self.unreadable],
        }
        return json.dumps(stored).encode()

    def read(self, name: str, hits: Iterator[Hit]) -> None:
        """Add the hits of the next file; hits before a read error are counted too."""
        try:
            self.tally.add(hits)
        except ReadLimitReached:
            self.cut += 1
        except Unreadable as error:
            file = FileUnreadable(name=name, code=error.code, message=str(error))
            self.unreadable.append(file)
        else:
            self.parsed += 1

    def to_stats(self, total_files: int) -> Stats:
        """Return the statistics of the files read so far."""
        return Stats(
            **self.tally.to_json(),
            files_parsed=self.parsed,
            total_files=total_files,
            files_cut=self.cut,
            files_unreadable=self.unreadable,
            truncated=self.parsed < total_files,
            more_to_read=self.processed < total_files,
        )


@dataclass(frozen=True)
class Aggregation:
    """Computes statistics in slices of TIME_LIMIT and stores progress and result.

    Concurrent requests read the same files in the same order, so either's progress can be stored.
    """

    blobs: Blobs
    clock: Callable[[], float]
    """Seconds, monotonic."""

    async def stats(
        self, prefix: str, names: Sequence[str], hits_in: Callable[[str], Iterator[Hit]]
    ) -> Stats:
        """Return the statistics of the named files below `prefix`, as far as time allows.

        If `more_to_read`, the next call continues with the remaining files.
        """
        stored = json.loads(await self.blobs.get(prefix + AGGREGATE) or b"{}")
        if stored.get("version") == _VERSION:
            return Stats.model_validate(stored["stats"])
        progress = AggregationProgress.from_bytes(await self.blobs.get(prefix + AGGREGATING))
        deadline = self.clock() + TIME_LIMIT.total_seconds()
        for name in names[progress.processed :]:
            await in_thread(progress.read, name, hits_in(name))
            if self.clock() > deadline:
                break
        stats = progress.to_stats(len(names))
        await self._store(prefix, progress, stats)
        return stats

    async def _store(self, prefix: str, progress: AggregationProgress, stats: Stats) -> None:
        if stats.more_to_read:
            await self.blobs.put(prefix + AGGREGATING, progress.to_bytes())
        else:
            data = json.dumps({"version": _VERSION, "stats": stats.to_json()}).encode()
            await self.blobs.put(prefix + AGGREGATE, data)
