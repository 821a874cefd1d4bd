"""BLAST databases, known by the endings of their files. Pure."""

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
    """What a database holds."""

    NUCLEOTIDE = "nucl"
    PROTEIN = "prot"


_KINDS = {"n": DatabaseType.NUCLEOTIDE, "p": DatabaseType.PROTEIN}
_OF_NUCLEOTIDES = {Program.BLASTN, Program.TBLASTN, Program.TBLASTX}
_NEEDED = {"hr", "in", "sq"}
"""Headers, index and sequences: each volume has them (source: BLAST+ user manual)."""
_FILE = re.compile(
    r"(?P<stem>.+?)(?:\.(?P<volume>\d{2,3}))?"
    r"\.(?P<kind>[np])(?P<part>hr|in|sq|al|db|js|nd|ni|og|os|ot|pd|pi|sd|si|td|tf|ti|to)"
)
_METADATA = re.compile(r"(?P<stem>.+)(?:-(?:nucl|prot)-metadata\.json|\.[np]js)")


@dataclass(frozen=True)
class Database:
    """A database that lies below the container's root at `stem`, such as `nt/nt`."""

    stem: str
    kind: DatabaseType
    size: int
    file_count: int
    ready: bool
    """Whether all volumes are whole."""
    metadata: tuple[BlobInfo, ...] = ()
    """The files that describe it, the more telling first."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.stem.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The rest of its path below the container; empty at the container's root."""
        return self.stem.rpartition("/")[0]


def discover(listed: Iterable[BlobInfo]) -> list[Database]:
    """The databases among the files of the container, by name."""
    files = defaultdict[tuple[str, DatabaseType], list[tuple[BlobInfo, re.Match[str]]]](list)
    described = defaultdict[str, list[BlobInfo]](list)
    for blob in listed:
        if match := _FILE.fullmatch(blob.name):
            files[match["stem"], _KINDS[match["kind"]]].append((blob, match))
        if match := _METADATA.fullmatch(blob.name):
            described[match["stem"]].append(blob)
    return [
        Database(
            stem=stem,
            kind=kind,
            size=sum(blob.size for blob, _ in of_it),
            file_count=len(of_it),
            ready=_is_whole([match for _, match in of_it]),
            metadata=tuple(_of_kind(described[stem], kind)),
        )
        for (stem, kind), of_it in sorted(files.items())
    ]


def is_compatible(program: Program, kind: DatabaseType) -> bool:
    """Whether a program searches databases of this kind."""
    return (kind is DatabaseType.NUCLEOTIDE) == (program in _OF_NUCLEOTIDES)


def parse_metadata(metadata: bytes) -> dict[str, Any]:
    """Title, counts and date in a file of metadata; only those that can be made out."""
    try:
        told = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    said = {
        "title": told.get("description") if isinstance(told.get("description"), str) else None,
        "sequences": _count(told.get("number-of-sequences")),
        "letters": _count(told.get("number-of-letters")),
        "updated_at": _instant(told.get("last-updated")),
    }
    return {name: value for name, value in said.items() if value is not None}


def _is_whole(files: Sequence[re.Match[str]]) -> bool:
    volumes = defaultdict[str, set[str]](set)
    for file in files:
        volumes[file["volume"] or ""].add(file["part"])
    sequences = [parts & _NEEDED for parts in volumes.values() if parts & _NEEDED]
    return bool(sequences) and all(parts == _NEEDED for parts in sequences)


def _of_kind(files: Iterable[BlobInfo], kind: DatabaseType) -> list[BlobInfo]:
    """Files of metadata of this kind; `<db>-nucl-metadata.json` before `.njs`."""
    endings = (f"-{kind}-metadata.json", f".{kind[0]}js")
    return [file for ending in endings for file in files if file.name.endswith(ending)]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _instant(value: object) -> str | None:
    """An instant of NCBI's, which may not name its zone, as ISO 8601 in UTC."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at.isoformat().replace("+00:00", "Z")
