"""Builds a segment of the index from result files, in a folder."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.hits.convert import EFFORTS, HITS, MEMORY, QUERIES, Chunks, Place, convert
from shared.hits.database import open_database, parquet_options, quoted
from shared.hits.disk import report_full_disk
from shared.hits.errors import Unreadable
from shared.hits.index import IndexedFile, Segment, StoredFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class SourceFile:
    """A result file to read."""

    number: int
    name: str
    etag: str
    chunks: Chunks
    fasta: Chunks | None = None
    """Opens the batch of queries that was searched."""
    is_merged: bool = False
    """Whether ElasticBLAST has written it, from the files of shards."""


@dataclass(frozen=True)
class BuiltSegment:
    """A segment whose Parquet files are in a folder, not yet stored."""

    segment: Segment
    folder: Path

    def path(self, file: StoredFile) -> Path:
        """Where a file of the segment is."""
        return self.folder / file.name


def build_segment(files: Sequence[SourceFile], outfmt: str, folder: Path) -> BuiltSegment:
    """Read the files one after another. A file that cannot be read is named in the segment.

    Raises Unavailable if the disk is full.
    """
    with report_full_disk("hits are indexed"), open_database(MEMORY, folder) as database:
        return _build(database, files, outfmt, folder)


def _build(
    database: "DuckDBPyConnection", files: Sequence[SourceFile], outfmt: str, folder: Path
) -> BuiltSegment:
    indexed: list[IndexedFile] = []
    folders: list[Path] = []
    columns: dict[str, None] = {}
    pairs = 0
    for file in files:
        part = folder / f"file-{file.number}"
        place = Place(file.number, sum(each.queries for each in indexed), pairs)
        try:
            found = convert(database, file.chunks, outfmt, part, file.fasta, place, file.is_merged)
        except Unreadable as error:
            shutil.rmtree(part, ignore_errors=True)
            damaged = IndexedFile(file.number, file.name, file.etag)
            indexed.append(replace(damaged, code=error.code, message=str(error)))
            continue
        pairs += found.pairs
        folders.append(part)
        columns |= dict.fromkeys(found.columns)
        indexed.append(IndexedFile(file.number, file.name, file.etag, found.hits, found.queries))
    if not folders:
        return BuiltSegment(Segment(tuple(indexed)), folder)
    hits_file, queries_file, unnamed = _combine(
        database, folder, folders, EFFORTS[0].row_group_of(columns)
    )
    segment = Segment(tuple(indexed), tuple(columns), unnamed, hits_file, queries_file)
    return BuiltSegment(segment, folder)


def _combine(
    database: "DuckDBPyConnection", folder: Path, parts: Sequence[Path], row_group: int
) -> tuple[StoredFile, StoredFile, int]:
    """The Parquet files of all parts together, and the number of queries without a name."""
    for name in (HITS, QUERIES):
        if len(parts) == 1:
            (parts[0] / name).replace(folder / name)
            continue
        union = " UNION ALL BY NAME ".join(f"SELECT * FROM {quoted(part / name)}" for part in parts)
        database.execute(f"COPY ({union}) TO {quoted(folder / name)} {parquet_options(row_group)}")
    ((unnamed,),) = database.execute(
        f"SELECT count(*) FROM {quoted(folder / QUERIES)} WHERE qseqid IS NULL"
    ).fetchall()
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    return _named(folder, HITS), _named(folder, QUERIES), int(unnamed)


def _named(folder: Path, name: str) -> StoredFile:
    """Give the file a name that has its content's hash."""
    path = folder / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stored = StoredFile(f"{path.stem}-{digest[:20]}.parquet", path.stat().st_size, digest)
    path.replace(folder / stored.name)
    return stored
