"""Hits as DataFrames, whose columns have the same types for each search, also without hits."""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS: Mapping[str, type] = {
    "qseqid": str,
    "sseqid": str,
    "pident": float,
    "length": int,
    "mismatch": int,
    "gapopen": int,
    "qstart": int,
    "qend": int,
    "sstart": int,
    "send": int,
    "evalue": float,
    "bitscore": float,
    "query": int,
    "source_blob": str,
}
"""What every hit has, each value of which may be absent. A test compares it with the OpenAPI
document."""
PANDAS_TYPES = {str: "string", int: "Int64", float: "float64"}
"""With absent values; pandas' own guess differs from search to search."""

Rows = Sequence[Mapping[str, Any]]


def to_pandas(rows: Rows) -> Any:
    """A DataFrame of pandas, with the further columns of any row. Raises ImportError."""
    import pandas

    frame = pandas.DataFrame(list(rows), columns=None if rows else list(COLUMNS))
    return frame.astype({name: PANDAS_TYPES[kind] for name, kind in COLUMNS.items()})


def to_polars(rows: Rows) -> Any:
    """A DataFrame of polars, with the further columns of any row. Raises ImportError."""
    import polars

    if not rows:
        return polars.DataFrame(schema=dict(COLUMNS))
    return polars.DataFrame(list(rows), schema_overrides=dict(COLUMNS), infer_schema_length=None)
