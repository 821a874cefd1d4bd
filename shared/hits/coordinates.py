"""Where hits lie on their queries and subjects, for pictures."""

from dataclasses import dataclass
from typing import Any

from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase

COLUMNS = (
    *("qseqid", "sseqid", "qstart", "qend", "sstart", "send", "pident", "evalue", "bitscore"),
)
MOST_HITS = 5000


@dataclass(frozen=True)
class Coordinates:
    """The hits with the best bit scores, column by column, and the number of all that match."""

    columns: dict[str, list[Any]]
    matching: int


def coordinates(database: HitsDatabase, wanted: Filter, most: int = MOST_HITS) -> Coordinates:
    """The coordinates of the best hits that pass the filter."""
    matching = database.count(wanted)
    if not matching:
        return Coordinates({column: [] for column in COLUMNS}, 0)
    where = database.where(wanted)
    rows = database.rows(
        f"SELECT {', '.join(COLUMNS)} FROM ({database.hits_for(wanted)}) WHERE {where.sql}"
        f" ORDER BY bitscore DESC NULLS LAST, segment, row LIMIT {most}",
        where.values,
    )
    return Coordinates({column: [row[column] for row in rows] for column in COLUMNS}, matching)
