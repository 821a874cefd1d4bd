"""Hits in BLAST's tabular format, and the reference run of blastn to compare them with."""

import gzip
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 12
DATABASES = {"emb", "gb", "dbj", "ref"}
"""Database tags that precede an accession in NCBI's older sequence ids."""
BLASTN_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class TabularHit:
    """A row of outfmt 6: the columns that the demo prints; query and subject are accessions."""

    query: str
    subject: str
    identity: float
    """Percent."""
    length: int
    evalue: str
    bit_score: float


def result_rows(files: Iterable[tuple[str, bytes]]) -> list[str]:
    """All rows of the result files, in order."""
    return [row for _, data in files for row in gzip.decompress(data).decode().splitlines()]


def parse_hit(row: str) -> TabularHit:
    """Parse a row of outfmt 6. Raises ValueError for any other row."""
    values = row.split("\t")
    if len(values) != COLUMNS:
        raise ValueError(f"expected {COLUMNS} tab-separated columns, got {len(values)}: {row!r}")
    query, subject = accession(values[0]), accession(values[1])
    return TabularHit(
        query, subject, float(values[2]), int(values[3]), values[10], float(values[11])
    )


def accession(name: str) -> str:
    """`Z78533.1` for `gi|2765658|emb|Z78533.1|CIZ78533`, `emb|Z78533.1|` and `Z78533.1`."""
    parts = [part for part in name.split("|") if part]
    tag_index = next((number for number, part in enumerate(parts[:-1]) if part in DATABASES), None)
    return parts[-1] if tag_index is None else parts[tag_index + 1]


def best_hits(rows: Iterable[str]) -> list[TabularHit]:
    """The best hit of each query that is not the query itself, in the order of the queries."""
    best_by_query: dict[str, TabularHit] = {}
    for hit in map(parse_hit, rows):
        previous = best_by_query.get(hit.query)
        if hit.subject != hit.query and (previous is None or hit.bit_score > previous.bit_score):
            best_by_query[hit.query] = hit
    return list(best_by_query.values())


def run_blastn(database: Path, queries: Path, options: str) -> tuple[list[str], float]:
    """The rows of one plain `blastn` run over all queries, and its duration in seconds."""
    argv = ["blastn", "-db", str(database), "-query", str(queries), *options.split()]
    started_at = time.monotonic()
    completed = subprocess.run(
        argv, capture_output=True, text=True, check=True, timeout=BLASTN_TIMEOUT_SECONDS
    )
    return completed.stdout.splitlines(), time.monotonic() - started_at
