"""The queries of a search, each with its hits: also those that have none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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
    covered: float | None
    """The percentage of its letters that lie in a hit, of any subject."""


@dataclass(frozen=True)
class QueryPage:
    """Some queries, the number of all that were wanted, and how many of the search have no hit."""

    queries: list[QuerySummary]
    matching: int
    without_hits: int


def summarize_queries(
    database: HitsDatabase,
    sort_by: QuerySort = QuerySort.NUMBER,
    direction: Direction = Direction.ASCENDING,
    without_hits: bool | None = None,
    offset: int = 0,
    size: int = 50,
) -> QueryPage:
    """A page of queries; `without_hits` True or False restricts it."""
    if not database.index.queries:
        return QueryPage([], 0, 0)
    relation = database.relations.queries()
    (counts,) = database.rows(
        f"SELECT count(*) AS total, count(*) FILTER (hits = 0) AS empty FROM ({relation})"
    )
    matching = {None: counts["total"], True: counts["empty"]}.get(
        without_hits, counts["total"] - counts["empty"]
    )
    test = {None: "true", True: "hits = 0", False: "hits > 0"}[without_hits]
    found = database.rows(
        f"SELECT number, qseqid, title, length, hits, best_evalue, max_bitscore FROM ({relation})"
        f" WHERE {test} ORDER BY {sort_by} {direction} NULLS LAST, number"
        f" LIMIT {size} OFFSET {offset}"
    )
    covered = _covered(database, [row["number"] for row in found if row["hits"]])
    queries = [_summary(row, covered) for row in found]
    return QueryPage(queries, matching, counts["empty"])


def _summary(row: dict[str, Any], covered: dict[int, tuple[int, int | None]]) -> QuerySummary:
    letters, qlen = covered.get(row["number"], (0, None))
    length = row["length"] or qlen
    share = None if length is None else min(100.0, round(100 * letters / length, 1))
    return QuerySummary(**{**row, "length": length}, covered=share)


def _covered(database: HitsDatabase, numbers: list[int]) -> dict[int, tuple[int, int | None]]:
    """The number of letters in hits, and the length that the hits say, of each query."""
    if not numbers:
        return {}
    length = "qlen" if "qlen" in database.columns else "CAST(NULL AS INTEGER) AS qlen"
    # A span begins a new stretch if it begins behind the end of all spans before it.
    rows = database.rows(
        "WITH spans AS (SELECT query, least(qstart, qend) AS low, greatest(qstart, qend) AS high,"
        f" {length} FROM ({database.relations.hits()})"
        f" WHERE query IN ({', '.join(map(str, numbers))})),"
        " reached AS (SELECT *, coalesce(max(high) OVER (PARTITION BY query ORDER BY low, high"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before FROM spans)"
        " SELECT query, sum(greatest(0, high - greatest(before, low - 1))) AS letters,"
        " max(qlen) AS qlen FROM reached GROUP BY query"
    )
    return {row["query"]: (int(row["letters"] or 0), row["qlen"]) for row in rows}
