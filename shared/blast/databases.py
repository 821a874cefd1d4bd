"""Finds BLAST databases by their file extensions. Pure."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.clients.blobs import BlobInfo
from shared.contracts.search import Program


class DatabaseType(StrEnum):
    """The molecule type of a database."""

    NUCLEOTIDE = "nucl"
    PROTEIN = "prot"


_KINDS = {"n": DatabaseType.NUCLEOTIDE, "p": DatabaseType.PROTEIN}
_OF_NUCLEOTIDES = {Program.BLASTN, Program.TBLASTN, Program.TBLASTX}
_NEEDED = {"hr", "in", "sq"}
"""Headers, index and sequences: the files of each volume (source: BLAST+ user manual)."""
_FILE = re.compile(
    r"(?P<stem>.+?)(?:\.(?P<volume>\d{2,3}))?"
    r"\.(?P<kind>[np])(?P<part>hr|in|sq|al|db|js|nd|ni|og|os|ot|pd|pi|sd|si|td|tf|ti|to)"
)
_SHARDS = re.compile(r"(?:.+/)?\d+shards/.+")
"""Alias files of shards, which no request names as a database."""
_METADATA = re.compile(r"(?P<stem>.+)(?:-(?:nucl|prot)-metadata\.json|\.[np]js)")


@dataclass(frozen=True)
class Database:
    """A database at path `stem` in the container, such as `nt/nt`."""

    stem: str
    kind: DatabaseType
    size: int
    file_count: int
    ready: bool
    """Whether every volume has all its files."""
    metadata: tuple[BlobInfo, ...] = ()
    """Its metadata files, the more detailed first."""

    @property
    def name(self) -> str:
        """The last segment of `stem`."""
        return self.stem.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path of `stem` without its name; empty in the container's root."""
        return self.stem.rpartition("/")[0]


def discover(listed: Iterable[BlobInfo]) -> list[Database]:
    """The databases among the container's blobs, sorted by path."""
    files = defaultdict[tuple[str, DatabaseType], list[tuple[BlobInfo, re.Match[str]]]](list)
    metadata = defaultdict[str, list[BlobInfo]](list)
    for blob in listed:
        if (match := _FILE.fullmatch(blob.name)) and not _SHARDS.fullmatch(blob.name):
            files[match["stem"], _KINDS[match["kind"]]].append((blob, match))
        if match := _METADATA.fullmatch(blob.name):
            metadata[match["stem"]].append(blob)
    return [
        Database(
            stem=stem,
            kind=kind,
            size=sum(blob.size for blob, _ in members),
            file_count=len(members),
            ready=_is_complete([match for _, match in members]),
            metadata=tuple(_of_kind(metadata[stem], kind)),
        )
        for (stem, kind), members in sorted(files.items())
    ]


def is_compatible(program: Program, kind: DatabaseType) -> bool:
    """Whether the program searches databases of this type."""
    return (kind is DatabaseType.NUCLEOTIDE) == (program in _OF_NUCLEOTIDES)


def parse_metadata(metadata: bytes) -> dict[str, Any]:
    """`title`, `sequences`, `letters` and `updated_at` from a metadata file; omits invalid ones."""
    try:
        parsed = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    title = parsed.get("description")
    fields = {
        "title": title if isinstance(title, str) else None,
        "sequences": _count(parsed.get("number-of-sequences")),
        "letters": _count(parsed.get("number-of-letters")),
        "updated_at": _utc_time(parsed.get("last-updated")),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_complete(files: Sequence[re.Match[str]]) -> bool:
    volumes = defaultdict[str, set[str]](set)
    for file in files:
        volumes[file["volume"] or ""].add(file["part"])
    sequences = [parts & _NEEDED for parts in volumes.values() if parts & _NEEDED]
    return bool(sequences) and all(parts == _NEEDED for parts in sequences)


def _of_kind(files: Iterable[BlobInfo], kind: DatabaseType) -> list[BlobInfo]:
    """Metadata files for this database type; `<db>-nucl-metadata.json` before `.njs`."""
    endings = (f"-{kind}-metadata.json", f".{kind[0]}js")
    return [file for ending in endings for file in files if file.name.endswith(ending)]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _utc_time(value: object) -> str | None:
    """A time of NCBI, which may lack a time zone, as ISO 8601 in UTC."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at.isoformat().replace("+00:00", "Z")
