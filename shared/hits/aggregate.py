"""Exact statistics of all hits of a search."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Any

from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase, Row

TOP_SUBJECTS = 20
PERCENT_EDGES = (0, *range(5, 101, 5))
"""The edges of bins of 5 percent. 100 belongs to the last bin."""
EVALUE_EDGES = (0, 1e-180, 1e-100, 1e-50, 1e-20, 1e-10, 1e-5, 1e-3, 1e-1, 1.0, None)
"""The edges of e-value bins; the last one is open."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of hits; None where no hit has a value."""

    total_hits: int
    unique_queries: int
    """Queries with hits."""
    unique_subjects: int
    identity_distribution: dict[str, int]
    evalue_distribution: dict[str, int]
    """Hits in each range; a value on an edge belongs to the range above it. No label looks like
    an integer, because JavaScript moves such keys to the front."""
    top_subjects: list[tuple[str, int]]
    avg_identity: float | None
    """Rounded to two decimals, as the dashboard does not format the value."""
    avg_bitscore: float | None
    avg_length: float | None
    max_bitscore: float | None
    min_evalue: float | None


def aggregate(database: HitsDatabase, wanted: Filter) -> Statistics:
    """The statistics of the hits that pass the filter."""
    if not database.index.hits:
        identities, evalues = (
            count_by_bin([], "", edges) for edges in (PERCENT_EDGES, EVALUE_EDGES)
        )
        return Statistics(0, 0, 0, identities, evalues, [], None, None, None, None, None)
    where = database.where(wanted)
    hits = f"FROM ({database.hits_for(wanted)}) WHERE {where.sql}"
    # One pass over the numbers: the statistics of each pair of bins.
    groups = database.rows(
        f"SELECT {bin_of('pident', PERCENT_EDGES)} AS identity_bin,"
        f" {bin_of('evalue', EVALUE_EDGES)} AS evalue_bin, count(*) AS hits, sum(pident) AS pident,"
        " count(pident) AS pidents, sum(bitscore) AS bitscore, count(bitscore) AS bitscores,"
        " sum(length) AS length, count(length) AS lengths, max(bitscore) AS top,"
        f" min(evalue) AS best {hits} GROUP BY ALL",
        where.values,
    )
    subjects = database.rows(
        f"WITH subjects AS (SELECT sseqid AS id, count(*) AS hits {hits} GROUP BY sseqid)"
        " SELECT id, hits, (SELECT count(id) FROM subjects) AS subjects FROM subjects"
        f" WHERE id IS NOT NULL ORDER BY hits DESC, id LIMIT {TOP_SUBJECTS}",
        where.values,
    )
    identity = _mean(groups, "pident")
    return Statistics(
        total_hits=sum(group["hits"] for group in groups),
        unique_queries=database.value(f"SELECT count(DISTINCT query) {hits}", where.values),
        unique_subjects=subjects[0]["subjects"] if subjects else 0,
        identity_distribution=count_by_bin(groups, "identity_bin", PERCENT_EDGES),
        evalue_distribution=count_by_bin(groups, "evalue_bin", EVALUE_EDGES),
        top_subjects=[(row["id"], row["hits"]) for row in subjects],
        avg_identity=None if identity is None else round(identity, 2),
        avg_bitscore=_mean(groups, "bitscore"),
        avg_length=_mean(groups, "length"),
        max_bitscore=max(_values(groups, "top"), default=None),
        min_evalue=min(_values(groups, "best"), default=None),
    )


def _labels(edges: Sequence[Any]) -> list[str]:
    return [
        f"{start:g} and more" if end is None else f"{start:g} to {end:g}"
        for start, end in pairwise(edges)
    ]


def bin_of(column: str, edges: Sequence[Any]) -> str:
    """The number of the value's bin, from 0; NULL without a value."""
    last = len(edges) - 2
    cases = (f"WHEN {column} < {edge!r} THEN {at}" for at, edge in enumerate(edges[1:-1]))
    return f"CASE WHEN {column} IS NULL THEN NULL {' '.join(cases)} ELSE {last} END"


def count_by_bin(groups: list[Row], column: str, edges: Sequence[Any]) -> dict[str, int]:
    counts: Counter[int] = Counter()
    for group in groups:
        counts[group[column]] += group["hits"]
    return {label: counts[at] for at, label in enumerate(_labels(edges))}


def _mean(groups: list[Row], column: str) -> float | None:
    count = sum(group[f"{column}s"] for group in groups)
    return float(fsum(_values(groups, column))) / count if count else None


def _values(groups: list[Row], column: str) -> list[float]:
    return [group[column] for group in groups if group[column] is not None]
