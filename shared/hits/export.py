"""Exports hits as text: CSV, TSV, JSON, and one JSON object a line."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.hits.columns import STANDARD, Kind, kind_of
from shared.hits.database import name, quoted
from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase
from shared.hits.rows import NOT_AVAILABLE

LINES = 5000
"""Rows that are rendered at a time."""
_FORMULA = r"^[=+\-@\t\r\n]"
"""First characters of cells that spreadsheets evaluate (source: OWASP, CSV injection)."""


@dataclass(frozen=True)
class TextFormat:
    """How hits are rendered: `row` gives the SQL of one row, as text without its line end."""

    suffix: str
    mimetype: str
    row: Callable[[Sequence[str]], str]
    start: Callable[[str, Sequence[str]], str]
    """Of the job's id and the columns."""
    separator: str
    end: Callable[[int], str]
    """Of the number of rows."""
    columns: Callable[[HitsDatabase], Sequence[str]]


@dataclass(frozen=True)
class TextExport:
    """The hits that pass a filter as text, in the order of the files."""

    database: HitsDatabase
    format: TextFormat
    job_id: str
    wanted: Filter

    def pieces(self) -> Iterator[bytes]:
        """The text, some thousand rows at a time."""
        columns = self.format.columns(self.database)
        yield self.format.start(self.job_id, columns).encode()
        rows = 0
        for lines in self._lines(columns):
            lead = self.format.separator if rows else ""
            rows += len(lines)
            yield (lead + self.format.separator.join(lines)).encode()
        yield self.format.end(rows).encode()

    def _lines(self, columns: Sequence[str]) -> Iterator[list[str]]:
        where = self.database.where(self.wanted)
        rendered = self.format.row(columns)
        for segment in self.database.relations.segments(self.wanted.needs_coverage):
            sql = f"SELECT {rendered} FROM ({segment}) WHERE {where.sql}"
            yield from self.database.pieces(sql, where.values, LINES)


def as_blast_writes(column: str) -> str:
    """A value as BLAST+'s tables have it; `N/A` where it is missing."""
    value = name(column)
    formats = {
        "pident": f"printf('%.3f', {value})",
        "ppos": f"printf('%.2f', {value})",
        "evalue": _evalue(value),
        "bitscore": _bits(value),
    }
    text = formats.get(column, f"CAST({value} AS VARCHAR)")
    return f"coalesce({text}, '{NOT_AVAILABLE}')"


def _evalue(value: str) -> str:
    return (
        f"CASE WHEN {value} < 1e-180 THEN '0.0' WHEN {value} < 9e-4 THEN printf('%.2e', {value})"
        f" WHEN {value} < 0.1 THEN printf('%.3f', {value})"
        f" WHEN {value} < 1 THEN printf('%.2f', {value})"
        f" WHEN {value} < 10 THEN printf('%.1f', {value}) ELSE printf('%.0f', {value}) END"
    )


def _bits(value: str) -> str:
    return (
        f"CASE WHEN {value} > 99999 THEN printf('%.3e', {value})"
        f" WHEN {value} > 99.9 THEN printf('%d', CAST(trunc({value}) AS BIGINT))"
        f" ELSE printf('%.1f', {value}) END"
    )


def csv_cell(column: str) -> str:
    """A value for a spreadsheet: text that it would evaluate gets a `'` in front."""
    value = name(column)
    if kind_of(column) is not Kind.TEXT:
        return f"coalesce(CAST({value} AS VARCHAR), '')"
    return csv_text(value)


def csv_text(value: str) -> str:
    """A text for a spreadsheet."""
    is_formula = f"regexp_matches({value}, {quoted(_FORMULA)})"
    safe = f"CASE WHEN {is_formula} THEN '''' || {value} ELSE {value} END"
    escaped = f"'\"' || replace({safe}, '\"', '\"\"') || '\"'"
    needs_quotes = f"regexp_matches({value}, '[\",\\r\\n]')"
    return f"coalesce(CASE WHEN {needs_quotes} THEN {escaped} ELSE {safe} END, '')"


def _joined(separator: str, cell: Callable[[str], str]) -> Callable[[Sequence[str]], str]:
    return lambda columns: f"concat_ws({quoted(separator)}, {', '.join(map(cell, columns))})"


def _json_row(columns: Sequence[str]) -> str:
    members = ", ".join(f"{name(column)} := {name(column)}" for column in columns)
    return f"CAST(to_json(struct_pack({members})) AS VARCHAR)"


def _nothing(*values: object) -> str:
    return ""


def _line_end(separator: str) -> Callable[[int], str]:
    return lambda rows: separator if rows else ""


def of_the_files(database: HitsDatabase) -> Sequence[str]:
    """The columns that the files have, in their order."""
    return database.index.columns or STANDARD


def standard_first(database: HitsDatabase) -> Sequence[str]:
    """The standard columns, and the others that the files have."""
    return database.columns


def _json_start(key: str, format_name: str) -> Callable[[str, Sequence[str]], str]:
    extra = f', "format": "{format_name}"' if format_name else ""
    return lambda job_id, columns: f'{{"job_id": {json.dumps(job_id)}{extra}, "{key}": [\n'


def _json_end(rows: int) -> str:
    return f'\n], "returned": {rows}, "total": {rows}, "truncated": false}}\n'


def _csv_start(job_id: str, columns: Sequence[str]) -> str:
    return ",".join(columns) + "\r\n"


CSV = TextFormat(
    *("csv", "text/csv", _joined(",", csv_cell), _csv_start),
    *("\r\n", _line_end("\r\n"), standard_first),
)
TSV = TextFormat(
    "tsv",
    "text/tab-separated-values",
    _joined("\t", as_blast_writes),
    lambda job_id, columns: "\t".join(columns) + "\n",
    "\n",
    _line_end("\n"),
    of_the_files,
)
JSON = TextFormat(
    *("json", "application/json", _json_row, _json_start("hits", ""), ",\n", _json_end),
    standard_first,
)
JSON_LINES = TextFormat(
    *("jsonl", "application/x-ndjson", _json_row, _nothing, "\n", _line_end("\n")),
    standard_first,
)
SEQ_ALIGN = TextFormat(
    *("json", "application/json", _json_row),
    _json_start("seq_alignments", "json-seqalign"),
    *(",\n", _json_end),
    standard_first,
)
FORMATS = {
    "csv": CSV,
    "tsv": TSV,
    "json": JSON,
    "jsonl": JSON_LINES,
    "hit-table-csv": CSV,
    "hit-table-text": TSV,
    "json-seqalign": SEQ_ALIGN,
}
"""By the value of the query parameter `format`."""
