"""Hits in BLAST's tabular format, and the same search run by hand to compare them with."""

import gzip
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 12
DATABASES = {"emb", "gb", "dbj", "ref"}
"""What stands before an accession in NCBI's older names."""
BY_HAND_SECONDS = 120


@dataclass(frozen=True)
class Hit:
    """One row of outfmt 6, with the columns that a person reads first; names are accessions."""

    query: str
    subject: str
    identity: float
    """Percent."""
    length: int
    evalue: str
    bit_score: float


def rows_of(files: Iterable[tuple[str, bytes]]) -> list[str]:
    """All rows of the result files, in order."""
    return [row for _, data in files for row in gzip.decompress(data).decode().splitlines()]


def hit_of(row: str) -> Hit:
    """The hit in a row. Raises ValueError for anything that is none."""
    values = row.split("\t")
    if len(values) != COLUMNS:
        raise ValueError(f"not a row of {COLUMNS} columns: {row!r}")
    query, subject = accession(values[0]), accession(values[1])
    return Hit(query, subject, float(values[2]), int(values[3]), values[10], float(values[11]))


def accession(name: str) -> str:
    """`Z78533.1` of `gi|2765658|emb|Z78533.1|CIZ78533`, of `emb|Z78533.1|` and of itself."""
    parts = [part for part in name.split("|") if part]
    at = next((number for number, part in enumerate(parts[:-1]) if part in DATABASES), None)
    return parts[-1] if at is None else parts[at + 1]


def best(rows: Iterable[str]) -> list[Hit]:
    """The best hit of each query that is not the query itself, in the order of the queries."""
    found: dict[str, Hit] = {}
    for hit in map(hit_of, rows):
        known = found.get(hit.query)
        if hit.subject != hit.query and (known is None or hit.bit_score > known.bit_score):
            found[hit.query] = hit
    return list(found.values())


def by_hand(database: Path, queries: Path, options: str) -> tuple[list[str], float]:
    """The rows of one plain `blastn` of all queries, and the seconds that it took."""
    argv = ["blastn", "-db", str(database), "-query", str(queries), *options.split()]
    began = time.monotonic()
    ended = subprocess.run(
        argv, capture_output=True, text=True, check=True, timeout=BY_HAND_SECONDS
    )
    return ended.stdout.splitlines(), time.monotonic() - began
