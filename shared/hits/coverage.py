"""How much of each query its best hit covers, over all queries of a search."""

from dataclasses import dataclass

from shared.hits.aggregate import PERCENT_EDGES, bin_of, count_by_bin
from shared.hits.questions import HitsDatabase


@dataclass(frozen=True)
class Coverage:
    """Queries by the coverage of their best hit. All are counted once."""

    distribution: dict[str, int]
    """Queries in each range of percent; a value on an edge belongs to the range above it."""
    without_hits: int
    unknown: int
    """Queries with hits whose coverage is not known, as neither their length nor `qcovs` is."""


def best_coverage(database: HitsDatabase) -> str:
    """The relation of queries with hits: `query`, and `query_cover` of the hit that covers most."""
    hits = database.relations.hits(with_coverage=True)
    return f"SELECT query, max(coverage) AS query_cover FROM ({hits}) GROUP BY query"


def coverage(database: HitsDatabase) -> Coverage:
    """The coverage of all queries."""
    groups = database.rows(
        f"SELECT {bin_of('query_cover', PERCENT_EDGES)} AS bin, count(*) AS hits"
        f" FROM ({best_coverage(database)}) GROUP BY ALL"
    )
    with_hits = sum(group["hits"] for group in groups)
    return Coverage(
        count_by_bin(groups, "bin", PERCENT_EDGES),
        database.index.queries - with_hits,
        sum(group["hits"] for group in groups if group["bin"] is None),
    )
