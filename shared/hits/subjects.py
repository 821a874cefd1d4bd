"""The subjects of some hits, each with all its hits that pass a filter."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase


@dataclass(frozen=True)
class SubjectTotal:
    """A subject and the scores of its hits."""

    sseqid: str
    max_bitscore: float | None
    total_bitscore: float | None
    hsp_count: int


def total_by_subject(
    database: HitsDatabase, wanted: Filter, ids: Iterable[str]
) -> list[SubjectTotal]:
    """The totals of the subjects with these ids, the highest total first."""
    listed = list(dict.fromkeys(ids))
    if not listed:
        return []
    where = database.where(wanted)
    marks = ", ".join("?" * len(listed))
    rows = database.rows(
        "SELECT sseqid, max(bitscore) AS max_bitscore, sum(bitscore) AS total_bitscore,"
        f" count(*) AS hsp_count FROM ({database.hits_for(wanted)})"
        f" WHERE {where.sql} AND sseqid IN ({marks}) GROUP BY sseqid"
        " ORDER BY total_bitscore DESC NULLS LAST, sseqid",
        [*where.values, *listed],
    )
    return [SubjectTotal(**row) for row in rows]
