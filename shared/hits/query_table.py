"""Writes the queries of a result file; numbers those of a table without comments."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.hits.database import ROW_GROUP, name, parquet_options, quoted
from shared.hits.queries import Query

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class QueryTable:
    """The queries of the file whose hits are in `hits.parquet` of the folder."""

    database: "DuckDBPyConnection"
    folder: Path
    earlier: int
    """How many queries the files before it have."""
    columns: tuple[str, ...]

    def number(self, batch: Callable[[], Iterator[Query]]) -> None:
        """Give the hits of outfmt 6 the numbers of their queries in the batch.

        In the file itself only queries with hits can be counted. If the ids do not agree with the
        batch, those counts stay, and the batch is not used.
        """
        if "qseqid" not in self.columns or next(batch(), None) is None:
            return
        numbers = _match(self._ids_with_hits(), batch())
        if numbers is None:
            return
        if numbers != list(range(1, len(numbers) + 1)):
            self._renumber(numbers)
        with (self.folder / "queries.csv").open("w", newline="") as file:
            rows = ((query.number, query.id, query.title, query.length) for query in batch())
            csv.writer(file).writerows(rows)

    def write(self, file: int) -> int:
        """Write `queries.parquet`: file, number, id, title and length of each query, and its hits.

        A query without a name has no `qseqid`. Returns the number of queries.
        """
        target = quoted(self.folder / "queries.parquet")
        self.database.execute(
            f"COPY (SELECT {file} AS file, coalesce(q.number, h.query) AS number,"
            " CASE WHEN q.number IS NULL THEN h.id WHEN q.id IS NULL THEN NULL"
            " ELSE coalesce(h.id, q.id) END AS qseqid, q.title, q.length,"
            " CAST(coalesce(h.hits, 0) AS BIGINT) AS hits, best_evalue, max_bitscore"
            f" FROM ({self._listed()}) q FULL JOIN ({self._counted()}) h ON q.number = h.query"
            f" ORDER BY number) TO {target} {parquet_options(ROW_GROUP)}"
        )
        ((count,),) = self.database.execute(f"SELECT count(*) FROM {target}").fetchall()
        return int(count)

    @property
    def _hits(self) -> str:
        return quoted(self.folder / "hits.parquet")

    def _counted(self) -> str:
        """The queries with hits."""
        values = [
            f"{function}({name(column)}) AS {alias}"
            if column in self.columns
            else f"CAST(NULL AS {kind}) AS {alias}"
            for function, column, kind, alias in (
                ("first", "qseqid", "VARCHAR", "id"),
                ("min", "evalue", "DOUBLE", "best_evalue"),
                ("max", "bitscore", "DOUBLE", "max_bitscore"),
            )
        ]
        return (
            f"SELECT query, count(*) AS hits, {', '.join(values)} FROM {self._hits} GROUP BY query"
        )

    def _listed(self) -> str:
        """The queries that the reader met, or those of the batch."""
        return (
            f"SELECT number + {self.earlier} AS number, id, title, length FROM read_csv("
            f"{quoted(self.folder / 'queries.csv')}, auto_detect=false, header=false, delim=',',"
            " quote='\"', escape='\"', nullstr='', columns={'number': 'INTEGER',"
            " 'id': 'VARCHAR', 'title': 'VARCHAR', 'length': 'BIGINT'})"
        )

    def _ids_with_hits(self) -> Iterator[str]:
        """The ids of the queries with hits, in the file's order."""
        found = self.database.cursor().execute(
            f"SELECT first(qseqid) FROM {self._hits} GROUP BY query ORDER BY query"
        )
        while rows := found.fetchmany(10_000):
            yield from (row[0] for row in rows)

    def _renumber(self, numbers: list[int]) -> None:
        renumbered = self.folder / "renumbered.parquet"
        listed = [number + self.earlier for number in numbers]
        self.database.execute("SET VARIABLE numbers = CAST(? AS INTEGER[])", [listed])
        query = f"getvariable('numbers')[query - {self.earlier}]"
        self.database.execute(
            f"COPY (SELECT * REPLACE ({query} AS query) FROM {self._hits})"
            f" TO {quoted(renumbered)} {parquet_options(ROW_GROUP)}"
        )
        renumbered.replace(self.folder / "hits.parquet")


def _match(ids: Iterable[str], batch: Iterator[Query]) -> list[int] | None:
    """The number in the batch of each id; None if one is not there. Both have one order."""
    numbers = []
    for id_ in ids:
        query = next((query for query in batch if _is_id_of(id_, query)), None)
        if query is None:
            return None
        numbers.append(query.number)
    return numbers


def _is_id_of(id_: str, query: Query) -> bool:
    """Whether a table has this id for the query: its first word, a part of it, or a made-up one."""
    return id_ == query.id or id_ in query.id.split("|") or id_ == f"Query_{query.number}"
