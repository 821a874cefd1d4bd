"""The organisms of a search's hits."""

from dataclasses import dataclass

from shared.hits.filters import TAXID_COLUMNS, Filter
from shared.hits.questions import HitsDatabase

NAME_COLUMNS = ("sscinames", "ssciname")
MOST_ORGANISMS = 2000
COLUMNS_TO_REQUEST = "staxids sscinames"
"""What a search has to request for this answer."""


@dataclass(frozen=True)
class Organism:
    """An organism, and the hits in its sequences. A sequence of several counts for the first."""

    name: str
    taxid: str
    hits: int
    best_evalue: float | None
    max_bitscore: float | None


@dataclass(frozen=True)
class Organisms:
    """The organisms with most hits first; None if the files have no column that names them."""

    organisms: list[Organism] | None
    matching: int
    """The hits that pass the filter."""


def taxonomy(database: HitsDatabase, wanted: Filter) -> Organisms:
    """The organisms of the hits that pass the filter, at most MOST_ORGANISMS."""
    names = next((each for each in NAME_COLUMNS if each in database.columns), None)
    taxids = next((each for each in TAXID_COLUMNS if each in database.columns), None)
    matching = database.count(wanted)
    if names is None and taxids is None:
        return Organisms(None, matching)
    if not matching:
        return Organisms([], 0)
    where = database.where(wanted)
    found = database.rows(
        f"SELECT {_first(names)} AS name, {_first(taxids)} AS taxid, count(*) AS hits,"
        " min(evalue) AS best_evalue, max(bitscore) AS max_bitscore"
        f" FROM ({database.hits_for(wanted)}) WHERE {where.sql}"
        f" GROUP BY ALL ORDER BY hits DESC, name, taxid LIMIT {MOST_ORGANISMS}",
        where.values,
    )
    return Organisms([Organism(**row) for row in found], matching)


def _first(column: str | None) -> str:
    """The first of the values in a column; empty for BLAST+'s `N/A` and 0."""
    if column is None:
        return "''"
    first = f"split_part(CAST({column} AS VARCHAR), ';', 1)"
    return f"CASE WHEN {first} IN ('N/A', '0') THEN '' ELSE coalesce({first}, '') END"
