"""The subjects of each query as NCBI's pages list them: the table *Descriptions*."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase, Row

COLUMNS = (
    *("Description", "Scientific Name", "Common Name", "Taxid", "Max Score", "Total Score"),
    *("Query Cover", "E value", "Per. Ident", "Acc. Len", "Accession"),
)
"""Of NCBI's table."""
ROWS = 5000
"""Rows that are read at a time."""


@dataclass(frozen=True)
class Descriptions:
    """One row for each query and subject, by query and falling score."""

    database: HitsDatabase
    wanted: Filter

    def rows(self) -> Iterator[list[str]]:
        """The rows, as text."""
        database = self.database
        if not database.index.hits:
            return
        where = database.where(self.wanted)
        best = ", ".join(
            f"first({column} ORDER BY bitscore DESC NULLS LAST)"
            f" FILTER ({column} IS NOT NULL) AS {alias}"
            for column, alias in self._described()
        )
        found = database.connection.execute(
            "WITH hits AS (SELECT *, least(qstart, qend) AS low, greatest(qstart, qend) AS high"
            f" FROM ({database.relations.hits(with_coverage=True)}) WHERE {where.sql}),"
            " reached AS (SELECT *, coalesce(max(high) OVER (PARTITION BY query, sseqid"
            " ORDER BY low, high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"
            " FROM hits)"
            f" SELECT query, sseqid, {best}, max(bitscore) AS top, sum(bitscore) AS total,"
            " min(evalue) AS evalue, max(coverage) AS coverage,"
            " sum(greatest(0, high - greatest(before, low - 1))) AS letters"
            " FROM reached GROUP BY query, sseqid ORDER BY query, top DESC NULLS LAST, sseqid",
            list(where.values),
        )
        names = [each[0] for each in found.description or ()]
        while rows := found.fetchmany(ROWS):
            yield from (_cells(dict(zip(names, row, strict=True))) for row in rows)

    def _described(self) -> list[tuple[str, str]]:
        """The columns that describe a subject, as far as the files have them."""
        wanted = {
            "stitle": "title",
            "sscinames": "name",
            "scomnames": "common",
            "staxids": "taxid",
            "pident": "identity",
            "slen": "slen",
            "qlen": "qlen",
        }
        return [(name, alias) for name, alias in wanted.items() if name in self.database.columns]


def _cells(row: Row) -> list[str]:
    return [
        row.get("title") or row["sseqid"] or "",
        _first(row.get("name")),
        _first(row.get("common")),
        _first(row.get("taxid")),
        _number(row["top"], ".0f"),
        _number(row["total"], ".0f"),
        _number(_cover(row), ".0f", "%"),
        _evalue(row["evalue"]),
        _number(row.get("identity"), ".2f", "%"),
        _number(row.get("slen"), "d"),
        row["sseqid"] or "",
    ]


def _cover(row: Row) -> float | None:
    """The part of the query in any HSP of the subject, in percent."""
    if not row.get("qlen") or row["letters"] is None:
        coverage: float | None = row["coverage"]
        return coverage
    return min(100.0, float(round(100 * row["letters"] / row["qlen"])))


def _first(text: str | None) -> str:
    return "" if text in (None, "N/A") else str(text).split(";")[0]


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def _evalue(value: float | None) -> str:
    if value is None:
        return ""
    if value == 0:
        return "0.0"
    return f"{value:.2e}" if value < 0.001 else f"{value:.3g}"


def write_table(rows: Iterator[list[str]], delimiter: str) -> Iterator[bytes]:
    """The table with its head: for spreadsheets, or with tabs."""
    if delimiter == "\t":
        for cells in ([*COLUMNS], *rows):
            yield ("\t".join(" ".join(cell.split()) for cell in cells) + "\n").encode()
        return
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for cells in ([*COLUMNS], *rows):
        writer.writerow([_harmless(cell) for cell in cells])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def _harmless(cell: str) -> str:
    """A text that a spreadsheet would evaluate gets a `'` in front (source: OWASP)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and cell else cell
