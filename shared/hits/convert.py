"""Converts a result file to Parquet: its hits, and its queries."""

import csv
import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from shared.hits.best import correct_best, with_first_hsp
from shared.hits.columns import SEQUENCES, Kind, kind_of, stored_names
from shared.hits.database import ROW_GROUP, MiB, name, parquet_options, quoted
from shared.hits.errors import damaged
from shared.hits.queries import Query, read_fasta
from shared.hits.query_table import QueryTable
from shared.hits.rows import NOT_AVAILABLE, Rows, find_fault, open_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Chunks: TypeAlias = Callable[[], Iterable[bytes]]
"""Opens a file anew, and gives its bytes in chunks."""

MEMORY = 160 * MiB
HITS, QUERIES = "hits.parquet", "queries.parquet"


@dataclass(frozen=True)
class Effort:
    """How much is read and written at a time."""

    longest_line: int
    row_group: int
    row_group_with_sequences: int

    def row_group_of(self, columns: Iterable[str]) -> int:
        """The number of rows that are compressed together."""
        is_long = any(column in SEQUENCES for column in columns)
        return self.row_group_with_sequences if is_long else self.row_group


_LINE_TOO_LONG = "Maximum line size"
"""In DuckDB's error for a line that is longer than `longest_line`. For one that is longer than its
buffer, DuckDB 2.0 has a NotImplementedException, or stops reading and says nothing."""
EFFORTS = (Effort(2_000_000, ROW_GROUP, 8192), Effort(17_000_000, 2048, 2048))
"""The second is for files with long lines, which the first has no memory for."""


@dataclass(frozen=True)
class Place:
    """The number of a file, and how many queries and pairs the files before it have."""

    file: int = 0
    queries: int = 0
    pairs: int = 0


@dataclass(frozen=True)
class Converted:
    """What a file was found to have."""

    hits: int
    queries: int
    pairs: int
    """Queries and subjects whose HSPs follow each other."""
    columns: tuple[str, ...]


def convert(
    database: "DuckDBPyConnection",
    chunks: Chunks,
    outfmt: str,
    folder: Path,
    fasta: Chunks | None = None,
    place: Place = Place(),
    is_merged: bool = False,
) -> Converted:
    """Write HITS and QUERIES of a result file into the folder, in bounded memory.

    `fasta` opens the batch that was searched: it names the queries without hits, and gives the
    lengths that tables lack. `is_merged` is as in `open_rows`. Raises Unreadable, with the line of
    the first fault.
    """
    import duckdb

    too_long = (duckdb.NotImplementedException, duckdb.OutOfMemoryException, _RowsLost)
    refusals = (
        duckdb.ConversionException,
        duckdb.InvalidInputException,
        duckdb.OutOfRangeException,
        *too_long,
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = ""
    for effort in EFFORTS:
        try:
            return _Conversion(
                database, chunks, outfmt, folder, fasta, place, is_merged, effort
            ).run()
        except refusals as error:
            text = str(error)
            if not (isinstance(error, too_long) or _LINE_TOO_LONG in text):
                break
    fault = find_fault(chunks(), outfmt, is_merged)
    raise fault or damaged(f"the file cannot be read: {text.splitlines()[0]}")


class _RowsLost(Exception):
    """The database has stored fewer rows than it was given."""


@dataclass(frozen=True)
class _Conversion:
    database: "DuckDBPyConnection"
    chunks: Chunks
    outfmt: str
    folder: Path
    fasta: Chunks | None
    place: Place
    is_merged: bool
    effort: Effort

    def run(self) -> Converted:
        with (self.folder / "queries.csv").open("w", newline="") as file:
            add_query = _QueryWriter(file, self._batch())
            reader = open_rows(self.chunks(), self.outfmt, add_query, is_merged=self.is_merged)
            self._write_hits(reader)
        columns = stored_names(reader.columns)
        row_group = self.effort.row_group_of(reader.columns)
        correct_best(self.database, self.folder / HITS, columns, row_group)
        queries = QueryTable(self.database, self.folder, self.place.queries, columns)
        if not reader.is_numbered:
            queries.number(self._batch)
        query_count = queries.write(self.place.file)
        hits, pairs = self._count()
        return Converted(hits, query_count, pairs, columns)

    def _batch(self) -> Iterator[Query]:
        return read_fasta(self.fasta()) if self.fasta else iter(())

    def _write_hits(self, reader: Rows) -> None:
        rows = reader.rows()
        first = next(rows, b"")  # the columns are known after it
        read_end, write_end = os.pipe()
        with suppress(OSError):  # as large as the writer's buffer, if the system allows it
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 1 * MiB)
        copy = _Copy(self.database, self._copy_statement(reader, f"/dev/fd/{read_end}"), read_end)
        copy.start()
        try:
            with open(write_end, "wb", buffering=1 * MiB) as pipe:  # noqa: PTH123  a descriptor
                pipe.writelines(chain([first], rows))
        except BrokenPipeError:
            pass  # the database has stopped reading, and says why
        finally:
            copy.join()
        if copy.error:
            raise copy.error
        if copy.row_count != reader.row_count:
            raise _RowsLost(f"{copy.row_count} of its {reader.row_count} hits were stored")

    def _copy_statement(self, reader: Rows, source: str) -> str:
        row_group = self.effort.row_group_of(reader.columns)
        return (
            f"COPY ({select_hits(reader, source, self.effort.longest_line, self.place)})"
            f" TO {quoted(self.folder / HITS)} {parquet_options(row_group)}"
        )

    def _count(self) -> tuple[int, int]:
        ((hits, last),) = self.database.execute(
            f"SELECT count(*), max(pair) FROM {quoted(self.folder / HITS)}"
        ).fetchall()
        return hits, last - self.place.pairs if hits else 0


class _QueryWriter:
    """Writes the queries of a reader; the batch gives the lengths that the reader has not."""

    def __init__(self, file: TextIO, batch: Iterator[Query]) -> None:
        self._writer = csv.writer(file)
        self._batch = batch

    def __call__(self, query: Query) -> None:
        in_batch = next(self._batch, None)
        length = query.length
        if length is None and in_batch is not None and in_batch.id == query.id:
            length = in_batch.length
        self._writer.writerow((query.number, query.id, query.title, length))


class _Copy(threading.Thread):
    """Runs a statement that reads from a pipe, and closes the pipe, so that no writer waits."""

    def __init__(self, database: "DuckDBPyConnection", statement: str, read_end: int) -> None:
        super().__init__(name="index", daemon=True)
        self._database, self._statement, self._read_end = database, statement, read_end
        self.error: Exception | None = None
        self.row_count = 0
        """How many rows were copied."""

    def run(self) -> None:
        try:
            ((self.row_count,),) = self._database.execute(self._statement).fetchall()
        except Exception as error:  # noqa: BLE001  raised again by the thread that waits
            self.error = error
        finally:
            with suppress(OSError):
                os.close(self._read_end)


def select_hits(reader: Rows, source: str, longest_line: int, place: Place) -> str:
    """The query that reads the rows, and adds `file`, the number of the query, `pair`, the number
    of a query and subject whose HSPs follow each other, and the columns of the order relevance."""
    columns = stored_names(reader.columns)
    values = ", ".join(f"{_value(column)} AS {name(column)}" for column in columns)
    query = "query, " if reader.is_numbered else ""
    typed = f"SELECT {query}{values} FROM {_read_csv(reader, columns, source, longest_line)}"
    new_query = _is_new("query" if reader.is_numbered else "qseqid", columns, reader.is_numbered)
    new_subject = _is_new("sseqid", columns, False)
    marked = f"SELECT *, {new_query} AS _q, {new_subject} AS _s FROM ({typed})"
    number = "query" if reader.is_numbered else f"{_running_sum('_q')} AS query"
    others = ", ".join(map(name, columns))
    numbered = f"SELECT {number}, {_running_sum('_q OR _s')} AS pair, {others} FROM ({marked})"
    hits = (
        f"SELECT {place.file} AS file, query + {place.queries} AS query,"
        f" pair + {place.pairs} AS pair, {others} FROM ({numbered})"
    )
    return with_first_hsp(hits, columns)


def _is_new(column: str, columns: Iterable[str], is_there: bool) -> str:
    """Whether the row's value differs from that of the row before; false without the column."""
    if not is_there and column not in columns:
        return "row_number() OVER () = 1" if column == "qseqid" else "true"
    return f"coalesce({name(column)} <> lag({name(column)}) OVER (), true)"


def _running_sum(flag: str) -> str:
    return f"CAST(sum(CAST({flag} AS INTEGER)) OVER (ROWS UNBOUNDED PRECEDING) AS INTEGER)"


def _value(column: str) -> str:
    """The column's value; a number that is none ends the reading."""
    quoted_name, kind = name(column), kind_of(column)
    if kind is Kind.TEXT:
        return f"coalesce({quoted_name}, '{NOT_AVAILABLE}')"
    is_integer = kind is Kind.INTEGER
    test = f"{quoted_name} = trunc({quoted_name})" if is_integer else f"isfinite({quoted_name})"
    fault = f"error({quoted(f'not a value of {column}')})"
    return (
        f"CASE WHEN {quoted_name} IS NULL OR {test} THEN CAST({quoted_name} AS {kind})"
        f" ELSE CAST({fault} AS {kind}) END"
    )


def _read_csv(reader: Rows, columns: Iterable[str], source: str, longest_line: int) -> str:
    types = {"query": "INTEGER"} if reader.is_numbered else {}
    types |= {column: "VARCHAR" if kind_of(column) is Kind.TEXT else "DOUBLE" for column in columns}
    listed = ", ".join(f"{quoted(column)}: '{kind}'" for column, kind in types.items())
    quote = "'\"'" if reader.is_quoted else "''"
    return (
        f"read_csv({quoted(source)}, columns={{{listed}}}, auto_detect=false, header=false,"
        f" delim='\t', quote={quote}, escape={quote}, new_line='\\n', comment='',"
        f" nullstr={quoted(NOT_AVAILABLE)}, null_padding=false, strict_mode=true,"
        f" max_line_size={longest_line}, buffer_size={max(2 * longest_line, 8 * MiB)})"
    )
