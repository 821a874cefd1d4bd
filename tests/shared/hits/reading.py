"""Reads the hits of a result file back from its index, as plain rows to compare with."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.hits.database import MiB, connect
from shared.hits.errors import Unreadable
from shared.hits.index import HitIndex
from shared.hits.questions import HitsDatabase
from shared.hits.segment import BuiltSegment, SourceFile, build_segment
from shared.hits.sorting import PageOf

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Chunks = Callable[[], Iterable[bytes]]


class Hit(NamedTuple):
    """One alignment of a query and a subject (an HSP). None where the format has no value."""

    qseqid: str | None = None
    sseqid: str | None = None
    pident: float | None = None
    length: int | None = None
    mismatch: int | None = None
    gapopen: int | None = None
    qstart: int | None = None
    qend: int | None = None
    sstart: int | None = None
    send: int | None = None
    evalue: float | None = None
    bitscore: float | None = None
    qseq: str | None = None
    sseq: str | None = None
    qlen: int | None = None
    slen: int | None = None
    ppos: float | None = None


def hits(pieces: Iterable[bytes], outfmt: str) -> list[Hit]:
    """The hits of one file in its order. Raises Unreadable."""
    with tempfile.TemporaryDirectory() as folder:
        built = build([SourceFile(0, "a file", "", lambda: pieces)], outfmt, Path(folder))
        with opened([built]) as database:
            return [Hit(*(row.get(name) for name in Hit._fields)) for row in all_rows(database)]


def build(files: list[SourceFile], outfmt: str, folder: Path) -> BuiltSegment:
    """A segment of files that can all be read. Raises Unreadable for one that cannot."""
    built = build_segment(files, outfmt, folder)
    for file in built.segment.files:
        if file.code:
            raise Unreadable(file.code, file.message or "")
    return built


@cache
def reading() -> "DuckDBPyConnection":
    """One database for all that is read: a new one takes 16 ms of processor time."""
    connection = connect(128 * MiB, Path(tempfile.gettempdir()))
    connection.execute("SET enable_external_file_cache = false")
    return connection


@contextmanager
def opened(segments: list[BuiltSegment]) -> Iterator[HitsDatabase]:
    """A database of these segments."""
    index = HitIndex(tuple(built.segment for built in segments))
    paths = {
        file.name: built.path(file) for built in segments for file in built.segment.stored_files
    }
    with closing(reading().cursor()) as connection:
        yield HitsDatabase(connection, index, paths)


def all_rows(database: HitsDatabase) -> list[dict[str, Any]]:
    """All hits, in the order of the files."""
    return database.page(PageOf(sort_by="file_order", size=10**6)).hits
