"""Hits as files that spreadsheets and programs read."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.hits import COLUMNS, Hit, ReadLimitReached

MAX_BYTES = 50 * 1024**2
"""Bytes of one export, about; a larger one ends with the hit that reaches them and says so."""
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
"""How a cell begins that a spreadsheet would run (source: OWASP, CSV injection)."""


class ExportFormat(Protocol):
    """A form of export: how its begin, each hit and its end are written."""

    @property
    def suffix(self) -> str: ...
    @property
    def mimetype(self) -> str: ...
    def begin(self, job_id: str, columns: Sequence[str]) -> str: ...
    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str: ...
    def end(self, hits: int, truncated: bool) -> str: ...


@dataclass(frozen=True)
class ExportFile:
    """An export, whole in memory."""

    data: bytes
    hits: int
    truncated: bool
    suffix: str

    def headers(self, job_id: str) -> dict[str, str]:
        """Where not all hits are in it, the file's name says so as well."""
        part = f"-first-{self.hits}-hits" if self.truncated else ""
        name = f"{job_id}{part}.{self.suffix}"
        return {
            "Content-Disposition": f'attachment; filename="{name}"',
            "x-blast-hits": str(self.hits),
            "x-blast-truncated": str(self.truncated).lower(),
        }


def export(
    kind: ExportFormat, job_id: str, hits: Iterable[Hit], most: int = MAX_BYTES
) -> ExportFile:
    """The hits as a file of that kind. It has the optional columns that its first hit has."""
    pieces: list[bytes] = []
    columns: Sequence[str] = COLUMNS
    count = size = 0
    truncated = False
    try:
        for hit in hits:
            if size > most:
                truncated = True
                break
            if not count:
                columns = columns_of(hit)
            values = [getattr(hit, name) for name in columns]
            pieces.append(kind.row(columns, values, count).encode())
            size += len(pieces[-1])
            count += 1
    except ReadLimitReached:
        truncated = True
    begin, end = kind.begin(job_id, columns).encode(), kind.end(count, truncated).encode()
    return ExportFile(b"".join([begin, *pieces, end]), count, truncated, kind.suffix)


def columns_of(hit: Hit) -> tuple[str, ...]:
    """Those that every hit is shown with, and the others that this one has."""
    others = Hit._fields[len(COLUMNS) :]
    return COLUMNS + tuple(name for name in others if getattr(hit, name) is not None)


def escape_formula(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula. Numbers are ours and stay numbers."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


class _Echo:
    """What csv writes, handed back: `writerow` returns what `write` does."""

    def write(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class DelimitedTable:
    """Rows below a row of names."""

    suffix: str
    mimetype: str
    dialect: str
    render_cell: Callable[[Any], Any]
    """How a cell is written."""

    def begin(self, job_id: str, columns: Sequence[str]) -> str:
        return self._line(columns)

    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str:
        return self._line(values)

    def end(self, hits: int, truncated: bool) -> str:
        return ""

    def _line(self, values: Iterable[Any]) -> str:
        return str(_WRITERS[self.dialect].writerow([self.render_cell(value) for value in values]))


@dataclass(frozen=True)
class JsonObjects:
    """One JSON object, with the hits as objects in it."""

    suffix: str = "json"
    mimetype: str = "application/json"

    def begin(self, job_id: str, columns: Sequence[str]) -> str:
        return f'{{"job_id": {json.dumps(job_id)}, "hits": ['

    def row(self, columns: Sequence[str], values: Sequence[Any], number: int) -> str:
        hit = dict(zip(columns, values, strict=True))
        return (",\n" if number else "\n") + json.dumps(hit)

    def end(self, hits: int, truncated: bool) -> str:
        return f'\n], "returned": {hits}, "truncated": {json.dumps(truncated)}}}\n'


def identity(value: Any) -> Any:
    """TSV is for programs, and exact."""
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
"""By the name that a request has for it."""
