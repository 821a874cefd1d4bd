"""The queries of a search, each with its hits: also those that have none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.hits.coverage import best_coverage
from shared.hits.filters import Condition
from shared.hits.questions import HitsDatabase
from shared.hits.sorting import Direction


class QuerySort(StrEnum):
    """The order of queries."""

    NUMBER = "number"
    HITS = "hits"
    BEST_EVALUE = "best_evalue"
    MAX_BITSCORE = "max_bitscore"
    LENGTH = "length"


@dataclass(frozen=True)
class QuerySummary:
    """A query and its hits; None for what is not known."""

    number: int
    """Its place in the search, from 1."""
    qseqid: str
    title: str | None
    length: int | None
    hits: int
    best_evalue: float | None
    max_bitscore: float | None
    query_cover: float | None
    """The percentage of the query in the hit that covers most of it."""
    covered: float | None
    """The percentage of its letters that lie in a hit, of any subject."""


@dataclass(frozen=True)
class QueryPage:
    """Some queries, the number of all that were wanted, and how many of the search have no hit."""

    queries: list[QuerySummary]
    matching: int
    without_hits: int


@dataclass(frozen=True)
class QueryFilter:
    """Which queries are wanted; None for no condition."""

    without_hits: bool | None = None
    min_query_cover: float | None = None
    """Of the hit that covers most of the query, in percent; queries without hits have none."""
    max_query_cover: float | None = None

    def condition(self, database: HitsDatabase) -> Condition:
        """The condition of SQL."""
        hits = {None: "true", True: "hits = 0", False: "hits > 0"}[self.without_hits]
        limits = {">=": self.min_query_cover, "<=": self.max_query_cover}
        wanted = {sign: limit for sign, limit in limits.items() if limit is not None}
        if not wanted:
            return Condition(hits)
        covered = " AND ".join(f"query_cover {sign} ?" for sign in wanted)
        numbers = f"SELECT query FROM ({best_coverage(database)}) WHERE {covered}"
        return Condition(f"{hits} AND number IN ({numbers})", tuple(wanted.values()))


def summarize_queries(
    database: HitsDatabase,
    sort_by: QuerySort = QuerySort.NUMBER,
    direction: Direction = Direction.ASCENDING,
    wanted: QueryFilter = QueryFilter(),
    offset: int = 0,
    size: int = 50,
) -> QueryPage:
    """A page of the queries that pass the filter."""
    if not database.index.queries:
        return QueryPage([], 0, 0)
    relation, where = database.relations.queries(), wanted.condition(database)
    (counts,) = database.rows(
        "SELECT count(*) FILTER (hits = 0) AS without_hits,"
        f" count(*) FILTER ({where.sql}) AS matching FROM ({relation})",
        where.values,
    )
    found = database.rows(
        f"SELECT number, qseqid, title, length, hits, best_evalue, max_bitscore FROM ({relation})"
        f" WHERE {where.sql} ORDER BY {sort_by} {direction} NULLS LAST, number"
        f" LIMIT {size} OFFSET {offset}",
        where.values,
    )
    covered = _covered(database, [row["number"] for row in found if row["hits"]])
    queries = [_summary(row, covered) for row in found]
    return QueryPage(queries, counts["matching"], counts["without_hits"])


def _summary(row: dict[str, Any], covered: "dict[int, _Covered]") -> QuerySummary:
    own = covered.get(row["number"], _Covered(0, None, None))
    length = row["length"] or own.qlen
    share = None
    if length and length > 0:
        share = min(100.0, round(100 * own.letters / length, 1))
    values = {**row, "length": length, "query_cover": own.query_cover}
    return QuerySummary(**values, covered=share)


@dataclass(frozen=True)
class _Covered:
    """What the hits of a query tell of it."""

    letters: int
    """In hits, of any subject."""
    qlen: int | None
    query_cover: float | None


def _covered(database: HitsDatabase, numbers: list[int]) -> dict[int, _Covered]:
    """What the hits of each query tell of it."""
    if not numbers:
        return {}
    length = "qlen" if "qlen" in database.columns else "CAST(NULL AS INTEGER) AS qlen"
    # A span begins a new stretch if it begins behind the end of all spans before it.
    rows = database.rows(
        "WITH spans AS (SELECT query, least(qstart, qend) AS low, greatest(qstart, qend) AS high,"
        f" coverage, {length} FROM ({database.relations.hits(with_coverage=True)})"
        f" WHERE query IN ({', '.join(map(str, numbers))})),"
        " reached AS (SELECT *, coalesce(max(high) OVER (PARTITION BY query ORDER BY low, high"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before FROM spans)"
        " SELECT query, sum(greatest(0, high - greatest(before, low - 1))) AS letters,"
        " max(qlen) AS qlen, max(coverage) AS query_cover FROM reached GROUP BY query"
    )
    return {
        row["query"]: _Covered(int(row["letters"] or 0), row["qlen"], row["query_cover"])
        for row in rows
    }
