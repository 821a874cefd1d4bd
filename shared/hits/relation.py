"""The hits and queries of an index as relations of SQL, over the Parquet files on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.hits.best import BEST_BITSCORE, BEST_EVALUE
from shared.hits.columns import STANDARD, kind_of
from shared.hits.database import name, quoted
from shared.hits.index import HitIndex, PlacedSegment, StoredFile


@dataclass(frozen=True)
class Relations:
    """The relations of one index. `paths` has the file on disk of each stored file, by name."""

    index: HitIndex
    paths: Mapping[str, Path]

    @property
    def columns(self) -> tuple[str, ...]:
        """The standard columns, and the others that the files have."""
        return tuple(dict.fromkeys((*STANDARD, *self.index.columns)))

    def hits(self, with_coverage: bool = False) -> str:
        """All hits: `segment`, `row` (of the segment's file), `file`, `query`, `pair`, the best
        e-value and bit score of the pair, the columns, and if wanted `coverage`.

        Numbers of queries and pairs are those of the whole search.
        """
        return " UNION ALL ".join(self.segments(with_coverage)) or self._no_hits(with_coverage)

    def rows_of(self, number: int, rows: str) -> str:
        """The hits of a segment in these rows, with coverage."""
        (placed,) = (each for each in self.index.placed() if each.number == number)
        return f"SELECT * FROM ({self._hits_of(placed, True)}) WHERE row IN ({rows})"

    def segments(self, with_coverage: bool = False) -> list[str]:
        """The same hits as `hits`, one relation for each segment, in order."""
        return [self._hits_of(placed, with_coverage) for placed in self.index.placed()]

    def queries(self) -> str:
        """All queries: `file, number, qseqid, title, length, hits, best_evalue, max_bitscore`."""
        return " UNION ALL ".join(map(self._queries_of, self.index.placed()))

    def _no_hits(self, with_coverage: bool) -> str:
        numbers = [f"0 AS {column}" for column in ("segment", "row", "file", "query", "pair")]
        columns = [f"CAST(NULL AS {kind_of(column)}) AS {name(column)}" for column in self.columns]
        numbers += [f"CAST(NULL AS DOUBLE) AS {best}" for best in (BEST_EVALUE, BEST_BITSCORE)]
        coverage = ["CAST(NULL AS DOUBLE) AS coverage"] if with_coverage else []
        return f"SELECT {', '.join([*numbers, *columns, *coverage])} WHERE false"

    def _hits_of(self, placed: PlacedSegment, with_coverage: bool) -> str:
        source = f"read_parquet({self._path(placed.segment.hits_file)}, file_row_number=true) h"
        columns = [self._column(placed, column) for column in self.columns]
        joins = ""
        if with_coverage:
            columns.append(f"{self._coverage(placed)} AS coverage")
        if placed.segment.unnamed or (with_coverage and self._needs_lengths(placed)):
            queries = self._path(placed.segment.queries_file)
            joins = f" LEFT JOIN read_parquet({queries}) q ON h.query = q.number"
        return (
            f"SELECT {placed.number} AS segment, h.file_row_number AS row, h.file,"
            f" h.query + {placed.first_query} AS query, h.pair + {placed.first_pair} AS pair,"
            f" h.{BEST_EVALUE}, h.{BEST_BITSCORE}, {', '.join(columns)} FROM {source}{joins}"
        )

    def _column(self, placed: PlacedSegment, column: str) -> str:
        if column not in placed.segment.columns:
            return f"CAST(NULL AS {kind_of(column)}) AS {name(column)}"
        if column == "qseqid" and placed.segment.unnamed:
            return f"{_query_id('h.qseqid', 'h.query', placed)} AS qseqid"
        return f"h.{name(column)}"

    def _coverage(self, placed: PlacedSegment) -> str:
        """The percentage of the query in the subject's HSPs; of this HSP alone without `qcovs`.

        NULL if that is not known, also for a length of 0.
        """
        columns = placed.segment.columns
        for column in ("qcovs", "qcovhsp"):
            if column in columns:
                return f"CAST(h.{column} AS DOUBLE)"
        if not {"qstart", "qend"} <= set(columns):
            return "CAST(NULL AS DOUBLE)"
        length = "h.qlen" if "qlen" in columns else "q.length"
        share = f"least(100.0, round(100.0 * (abs(h.qend - h.qstart) + 1) / {length}))"
        return f"CASE WHEN {length} > 0 THEN {share} END"

    def _needs_lengths(self, placed: PlacedSegment) -> bool:
        columns = set(placed.segment.columns)
        return not columns & {"qcovs", "qcovhsp", "qlen"} and {"qstart", "qend"} <= columns

    def _queries_of(self, placed: PlacedSegment) -> str:
        return (
            f"SELECT file, number + {placed.first_query} AS number,"
            f" {_query_id('q.qseqid', 'q.number', placed)} AS qseqid, title, length,"
            " hits, best_evalue, max_bitscore"
            f" FROM read_parquet({self._path(placed.segment.queries_file)}) q"
        )

    def _path(self, file: StoredFile | None) -> str:
        if file is None:
            raise LookupError("the segment has no such file")
        return quoted(self.paths[file.name])


def _query_id(id_: str, number: str, placed: PlacedSegment) -> str:
    """The id of a query. One without a name is called by its number over the whole search."""
    return (
        f"CASE WHEN q.qseqid IS NULL THEN 'Query_' || ({number} + {placed.first_query})"
        f" ELSE {id_} END"
    )
