"""The index of a search's hits: which files it has, and where their hits are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from shared.contracts.serialization import deserialize, serialize

VERSION = 3
"""Of the stored JSON, the columns, and what is read as damaged. An index of another version is
built anew."""


@dataclass(frozen=True)
class IndexedFile:
    """A result file in the index."""

    number: int
    """Its place among the search's result files, from 0."""
    name: str
    etag: str
    """Of the blob that was read."""
    hits: int = 0
    queries: int = 0
    code: str | None = None
    """Why its hits cannot be read; None if they can."""
    message: str | None = None


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file; the name has its content's hash, so that it never changes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Segment:
    """The hits of some result files that follow each other, in two Parquet files."""

    files: tuple[IndexedFile, ...]
    columns: tuple[str, ...] = ()
    unnamed: int = 0
    """Queries without a name."""
    hits_file: StoredFile | None = None
    """None if no file could be read."""
    queries_file: StoredFile | None = None
    version: int = VERSION

    @property
    def hits(self) -> int:
        """The number of hits."""
        return sum(file.hits for file in self.files)

    @property
    def queries(self) -> int:
        """The number of queries, with or without hits."""
        return sum(file.queries for file in self.files)

    @property
    def stored_files(self) -> tuple[StoredFile, ...]:
        """Its Parquet files."""
        return tuple(file for file in (self.hits_file, self.queries_file) if file)

    def to_json(self) -> Any:
        """Plain JSON, the argument of `from_json`."""
        return serialize(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Segment":
        """The segment of this JSON."""
        return deserialize(cls, stored)


@dataclass(frozen=True)
class PlacedSegment:
    """A segment, and what its numbers have to be added to."""

    segment: Segment
    number: int
    first_query: int
    first_pair: int


@dataclass(frozen=True)
class HitIndex:
    """The index of all result files of a search."""

    segments: tuple[Segment, ...] = field(default_factory=tuple)

    @property
    def files(self) -> list[IndexedFile]:
        """The result files, in order."""
        return [file for segment in self.segments for file in segment.files]

    @property
    def unreadable(self) -> list[IndexedFile]:
        """The files whose hits are missing."""
        return [file for file in self.files if file.code]

    @property
    def hits(self) -> int:
        """The number of hits of all files."""
        return sum(segment.hits for segment in self.segments)

    @property
    def queries(self) -> int:
        """The number of queries of all files."""
        return sum(segment.queries for segment in self.segments)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all segments."""
        return tuple(dict.fromkeys(name for each in self.segments for name in each.columns))

    @property
    def stored_files(self) -> list[StoredFile]:
        """The Parquet files of all segments."""
        return [file for segment in self.segments for file in segment.stored_files]

    def placed(self) -> list[PlacedSegment]:
        """The segments that have hits or queries, numbered over the whole search."""
        firsts = zip(
            _offsets(segment.queries for segment in self.segments),
            _offsets(segment.hits for segment in self.segments),
            strict=True,
        )
        return [
            PlacedSegment(segment, number, query, pair)
            for number, (segment, (query, pair)) in enumerate(
                zip(self.segments, firsts, strict=True)
            )
            if segment.hits_file
        ]


def _offsets(counts: Iterable[int]) -> Sequence[int]:
    return [0, *accumulate(counts)][:-1]
