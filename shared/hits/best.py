"""Adds to each hit the best e-value and bit score of its query and subject: the order *relevance*.

They are stored, so that this order is a plain sort of columns. BLAST+ writes the best HSP of a
subject first; where it does not (with sum statistics a set of weaker HSPs can have the lowest
e-value), the file is written again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.hits.database import parquet_options, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BEST_EVALUE, BEST_BITSCORE = "best_evalue", "best_bitscore"
"""The columns. The bit score is the highest one of the HSPs with that e-value."""


def with_first_hsp(hits: str, columns: Iterable[str]) -> str:
    """The query `hits` with the columns, as far as the first HSP tells, without reading ahead."""
    known = set(columns)
    evalue = _of_first_hsp("evalue", "Infinity") if "evalue" in known else "CAST(NULL AS DOUBLE)"
    score = (
        _of_first_hsp("bitscore", "-Infinity") if "bitscore" in known else "CAST(NULL AS DOUBLE)"
    )
    return f"SELECT *, {evalue} AS {BEST_EVALUE}, {score} AS {BEST_BITSCORE} FROM ({hits})"


def _of_first_hsp(column: str, missing: str) -> str:
    """Of the first row with the highest `pair` so far. The aggregate would skip missing values."""
    value = f"coalesce({column}, '{missing}'::DOUBLE)"
    first = f"max_by({value}, pair) OVER (ROWS UNBOUNDED PRECEDING)"
    return f"nullif({first}, '{missing}'::DOUBLE)"


def correct_best(
    database: "DuckDBPyConnection", file: Path, columns: Iterable[str], row_group: int
) -> None:
    """Write the Parquet file of hits again if a later HSP is better than the first one."""
    known = set(columns)
    evalue = "evalue" if "evalue" in known else BEST_EVALUE
    score = "bitscore" if "bitscore" in known else BEST_BITSCORE
    ((is_wrong,),) = database.execute(
        f"SELECT coalesce(bool_or({_is_better(evalue, score)}), false) FROM {quoted(file)}"
    ).fetchall()
    if not is_wrong:
        return
    best, corrected = file.with_name("best.parquet"), file.with_name("corrected.parquet")
    database.execute(
        f"COPY (SELECT {BEST_EVALUE}, {BEST_BITSCORE} FROM (SELECT file_row_number,"
        f" first_value({evalue}) OVER hsps AS {BEST_EVALUE},"
        f" first_value({score}) OVER hsps AS {BEST_BITSCORE}"
        f" FROM read_parquet({quoted(file)}, file_row_number=true) WINDOW hsps AS"
        f" (PARTITION BY pair ORDER BY {evalue} NULLS LAST, {score} DESC NULLS LAST))"
        f" ORDER BY file_row_number) TO {quoted(best)} (FORMAT parquet)"
    )
    database.execute(
        f"COPY (SELECT hits.* REPLACE (best.{BEST_EVALUE} AS {BEST_EVALUE},"
        f" best.{BEST_BITSCORE} AS {BEST_BITSCORE})"
        f" FROM {quoted(file)} AS hits POSITIONAL JOIN {quoted(best)} AS best)"
        f" TO {quoted(corrected)} {parquet_options(row_group)}"
    )
    best.unlink()
    corrected.replace(file)


def _is_better(evalue: str, score: str) -> str:
    is_equal = f"{evalue} IS NOT DISTINCT FROM {BEST_EVALUE}"
    return (
        f"({evalue} < {BEST_EVALUE} OR ({evalue} IS NOT NULL AND {BEST_EVALUE} IS NULL)"
        f" OR ({is_equal} AND ({score} > {BEST_BITSCORE}"
        f" OR ({score} IS NOT NULL AND {BEST_BITSCORE} IS NULL))))"
    )
