"""The index in Blob, beside the results: its segments, and the list of them that completes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.clients.blobs import Blobs
from shared.hits.index import VERSION, HitIndex, Segment
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
    names them. A process that dies at any point leaves a whole index, or none.
    """

    blobs: Blobs
    prefix: str

    async def load(self) -> HitIndex | None:
        """The complete index; None if there is none yet, or only one of another version."""
        data = await self.blobs.get(self.prefix + COMPLETE)
        stored = json.loads(data) if data else {}
        if stored.get("version") != VERSION:
            return None
        return HitIndex(tuple(Segment.from_json(segment) for segment in stored["segments"]))

    async def find_missing(
        self, plan: Sequence[Sequence[IndexSource]]
    ) -> list[Sequence[IndexSource]]:
        """The parts of the plan that are not indexed yet."""
        listed = {blob.name for blob in await self.blobs.list(self.prefix + FOLDER)}
        return [files for files in plan if _name(files[0].number) not in listed]

    async def add(self, built: BuiltSegment) -> None:
        """Store a segment."""
        for file in built.segment.stored_files:
            await self.blobs.put_file(self.url(file.name), built.path(file))
        data = json.dumps(built.segment.to_json()).encode()
        await self.blobs.put(self.url(_name(built.segment.files[0].number)), data)

    async def complete(self, plan: Sequence[Sequence[IndexSource]]) -> HitIndex | None:
        """Store the list of all segments. None if one is missing, or of another version."""
        segments = []
        for files in plan:
            data = await self.blobs.get(self.url(_name(files[0].number)))
            if data is None:
                return None
            segments.append(Segment.from_json(json.loads(data)))
        index = HitIndex(tuple(segments))
        stored = {"version": VERSION, "segments": [segment.to_json() for segment in segments]}
        await self.blobs.put(self.prefix + COMPLETE, json.dumps(stored).encode())
        return index

    def url(self, name: str) -> str:
        """The address of a file of the index."""
        return f"{self.prefix}{FOLDER}{name}"


def _name(first: int) -> str:
    """The name of the JSON of the segment whose first file has this number."""
    return f"v{VERSION}-{first:05}.json"
