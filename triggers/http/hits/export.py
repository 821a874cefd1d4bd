"""Export of hits as CSV, TSV or JSON."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.hits import COLUMNS, Hit, ReadLimitReached

MAX_BYTES = 50 * 1024**2
"""An export ends with the hit that exceeds this size, and is then marked as truncated."""
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
"""First characters of cells that spreadsheets evaluate (source: OWASP, CSV injection)."""


class ExportFormat(Protocol):
    """A file format: renders the start, each hit and the end of an export."""

    @property
    def suffix(self) -> str: ...
    @property
    def mimetype(self) -> str: ...
    def start(self, job_id: str, columns: Sequence[str]) -> str: ...
    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str: ...
    def end(self, hits: int, truncated: bool) -> str: ...


@dataclass(frozen=True)
class ExportFile:
    """A complete export in memory."""

    data: bytes
    hits: int
    truncated: bool
    suffix: str

    def headers(self, job_id: str) -> dict[str, str]:
        """Return the response headers; the file name tells if hits are missing."""
        part = f"-first-{self.hits}-hits" if self.truncated else ""
        name = f"{job_id}{part}.{self.suffix}"
        return {
            "Content-Disposition": f'attachment; filename="{name}"',
            "x-blast-hits": str(self.hits),
            "x-blast-truncated": str(self.truncated).lower(),
        }


def export(
    file_format: ExportFormat, job_id: str, hits: Iterable[Hit], max_bytes: int = MAX_BYTES
) -> ExportFile:
    """Export hits; all rows have the columns of the first hit."""
    rows: list[bytes] = []
    columns: Sequence[str] = COLUMNS
    count = size = 0
    truncated = False
    try:
        for hit in hits:
            if size > max_bytes:
                truncated = True
                break
            if not count:
                columns = columns_of(hit)
            values = [getattr(hit, name) for name in columns]
            rows.append(file_format.row(columns, values, count).encode())
            size += len(rows[-1])
            count += 1
    except ReadLimitReached:
        truncated = True
    start = file_format.start(job_id, columns).encode()
    end = file_format.end(count, truncated).encode()
    return ExportFile(b"".join([start, *rows, end]), count, truncated, file_format.suffix)


def columns_of(hit: Hit) -> tuple[str, ...]:
    """Return the standard columns and the optional ones that the hit has."""
    optional = Hit._fields[len(COLUMNS) :]
    return COLUMNS + tuple(name for name in optional if getattr(hit, name) is not None)


def escape_formula(value: Any) -> Any:
    """Prefix text that a spreadsheet would evaluate; numbers are not from outside and stay."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


class _Echo:
    """A file whose `write` returns the text, so that csv's `writerow` returns the line."""

    def write(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class DelimitedTable:
    """A header row and one row per hit."""

    suffix: str
    mimetype: str
    dialect: str
    render_cell: Callable[[Any], Any]

    def start(self, job_id: str, columns: Sequence[str]) -> str:
        return self._line(columns)

    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str:
        return self._line(values)

    def end(self, hits: int, truncated: bool) -> str:
        return ""

    def _line(self, values: Iterable[Any]) -> str:
        return str(_WRITERS[self.dialect].writerow([self.render_cell(value) for value in values]))


@dataclass(frozen=True)
class JsonObjects:
    """One JSON object with a list of hits; its model is schemas.results.Export."""

    suffix: str = "json"
    mimetype: str = "application/json"

    def start(self, job_id: str, columns: Sequence[str]) -> str:
        return f'{{"job_id": {json.dumps(job_id)}, "hits": ['

    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str:
        hit = dict(zip(columns, values, strict=True))
        return (",\n" if number else "\n") + json.dumps(hit)

    def end(self, hits: int, truncated: bool) -> str:
        return f'\n], "returned": {hits}, "truncated": {json.dumps(truncated)}}}\n'


def identity(value: Any) -> Any:
    """Return the value unchanged: TSV is for programs, which need exact values."""
    return value


_WRITERS = {
    "excel": csv.writer(_Echo()),
    "excel-tab": csv.writer(_Echo(), dialect="excel-tab", lineterminator="\n"),
}
FORMATS: dict[str, ExportFormat] = {
    "csv": DelimitedTable("csv", "text/csv", "excel", escape_formula),
    "tsv": DelimitedTable("tsv", "text/tab-separated-values", "excel-tab", identity),
    "json": JsonObjects(),
}
"""By the value of the query parameter `format`."""
