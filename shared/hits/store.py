"""The index in Blob, beside the results: its segments, and the list of them that completes it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.clients.blobs import Blobs
from shared.contracts.serialization import deserialize
from shared.hits.index import VERSION, HitIndex, Segment, StoredFile
from shared.hits.segment import BuiltSegment

FOLDER = "hits-index/"
"""Below the results prefix; ElasticBLAST neither reads nor writes it."""
COMPLETE = f"{FOLDER}index.json"

MOST_BYTES = 64 * 1024**2
MOST_FILES = 200


@dataclass(frozen=True)
class IndexSource:
    """A result file of a search; `number` is its place among them, from 0."""

    number: int
    name: str
    size: int


def plan_segments(files: Sequence[IndexSource]) -> list[Sequence[IndexSource]]:
    """The files of each segment: as many that follow each other as one activity reads in short.

    The same files always have the same plan, so that what is indexed is found again.
    """
    plan: list[list[IndexSource]] = []
    for file in files:
        last = plan[-1] if plan else []
        if last and len(last) < MOST_FILES and sum(f.size for f in last) + file.size <= MOST_BYTES:
            last.append(file)
        else:
            plan.append([file])
    return list(plan)


@dataclass(frozen=True)
class IndexStore:
    """The index of the results below a prefix, which ends with a slash. All raise Unavailable.

    The Parquet files are written first, under names that have their content's hash; then what
    names them. A process that dies at any point leaves a whole index, or none. The name of a
    segment has the hash of its result files' names and ETags, so that one of changed files is
    missing.
    """

    blobs: Blobs
    prefix: str

    async def load(self) -> HitIndex | None:
        """The complete index; None if there is none yet, or only one that is damaged, of another
        version, without one of its files or of result files that have changed since. A result file
        that is removed has not changed."""
        data = await self.blobs.get(self.prefix + COMPLETE)
        index = _parse_index(data) if data else None
        if index is None:
            return None
        etags = await self._etags()
        is_current = all(etags.get(file.name, file.etag) == file.etag for file in index.files)
        return index if is_current and _is_whole(index.stored_files, etags) else None

    async def find_missing(
        self, plan: Sequence[Sequence[IndexSource]]
    ) -> list[Sequence[IndexSource]]:
        """The parts of the plan that are not indexed yet."""
        etags = await self._etags()
        return [files for files in plan if FOLDER + _planned_name(files, etags) not in etags]

    async def add(self, built: BuiltSegment) -> None:
        """Store a segment."""
        for file in built.segment.stored_files:
            await self.blobs.put_file_if_absent(self.url(file.name), built.path(file))
        data = json.dumps(built.segment.to_json()).encode()
        sources = built.segment.files
        name = _name(sources[0].number, ((file.name, file.etag) for file in sources))
        await self.blobs.put(self.url(name), data)

    async def complete(self, plan: Sequence[Sequence[IndexSource]]) -> HitIndex | None:
        """Store the list of all segments. None if one is missing, damaged, or of result files that
        have changed."""
        segments = []
        etags = await self._etags()
        for files in plan:
            segment = await self._segment(_planned_name(files, etags), etags)
            if segment is None:
                return None
            segments.append(segment)
        index = HitIndex(tuple(segments))
        stored = {"version": VERSION, "segments": [segment.to_json() for segment in segments]}
        await self.blobs.put(self.prefix + COMPLETE, json.dumps(stored).encode())
        return index

    async def _segment(self, name: str, etags: Mapping[str, str]) -> Segment | None:
        """A listed segment. One that is damaged, or lacks a file, is deleted, so that it is missing
        from now on."""
        url = self.url(name)
        data = await self.blobs.get(url) if FOLDER + name in etags else None
        if data is None:
            return None
        with suppress(ValueError, RecursionError):
            segment = Segment.from_json(json.loads(data))
            if _is_whole(segment.stored_files, etags):
                return segment
        await self.blobs.delete(url)
        return None

    def url(self, name: str) -> str:
        """The address of a file of the index."""
        return f"{self.prefix}{FOLDER}{name}"

    async def _etags(self) -> dict[str, str]:
        """The ETag of each blob below the prefix, by name."""
        return {blob.name: blob.etag for blob in await self.blobs.list(self.prefix)}


def _is_whole(files: Iterable[StoredFile], etags: Mapping[str, str]) -> bool:
    """Whether all files are in Blob."""
    return all(FOLDER + file.name in etags for file in files)


def _parse_index(data: bytes) -> HitIndex | None:
    """The stored index; None if it is of another version or damaged."""
    try:
        stored = json.loads(data)
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            return None
        return deserialize(HitIndex, {"segments": stored.get("segments")})
    except (ValueError, RecursionError):
        return None


def _planned_name(files: Sequence[IndexSource], etags: Mapping[str, str]) -> str:
    sources = ((file.name, etags.get(file.name, "")) for file in files)
    return _name(files[0].number, sources)


def _name(first: int, sources: Iterable[tuple[str, str]]) -> str:
    """The name of the JSON of a segment: the number of its first file, and the hash of the names
    and ETags of its files."""
    digest = hashlib.sha256(json.dumps([*sources]).encode()).hexdigest()
    return f"v{VERSION}-{first:05}-{digest[:16]}.json"
