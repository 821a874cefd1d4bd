"""Exports of hits as files in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.errors import TooLarge
from shared.hits.database import quoted
from shared.hits.descriptions import Descriptions, write_table
from shared.hits.export import FORMATS, TextExport
from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase

MAX_BYTES = 50 * 1024**2
"""An export ends with the hits that exceed this size, and is then marked as truncated."""
PARQUET = "parquet"
NCBI = {
    "ncbi-hit-table-csv": ("csv", "text/csv", ","),
    "ncbi-hit-table-text": ("tsv", "text/tab-separated-values", "\t"),
    "ncbi-report-text": ("txt", "text/plain", "\t"),
}
"""By format: suffix, media type and delimiter."""


@dataclass(frozen=True)
class ExportFile:
    """A complete export in memory."""

    data: bytes
    rows: int
    truncated: bool
    suffix: str
    mimetype: str

    def headers(self, job_id: str) -> dict[str, str]:
        """The response headers; the file name tells if hits are missing."""
        part = f"-first-{self.rows}-hits" if self.truncated else ""
        name = f"{job_id}{part}.{self.suffix}"
        return {
            "Content-Disposition": f'attachment; filename="{name}"',
            "x-blast-hits": str(self.rows),
            "x-blast-truncated": str(self.truncated).lower(),
        }


def export_hits(
    database: HitsDatabase,
    form: str,
    job_id: str,
    heading: str,
    wanted: Filter,
    max_bytes: int = MAX_BYTES,
) -> ExportFile:
    """The hits that pass the filter. `heading` is the first part of a report.

    Raises TooLarge for Parquet that exceeds `max_bytes`, as it cannot be cut.
    """
    if form == PARQUET:
        return _parquet(database, wanted, max_bytes)
    if form in NCBI:
        return _descriptions(database, form, heading, wanted, max_bytes)
    text_format = FORMATS[form]
    export = TextExport(database, text_format, job_id, wanted, max_bytes)
    data = b"".join(export.pieces())
    return ExportFile(data, export.rows, export.is_cut, text_format.suffix, text_format.mimetype)


def _descriptions(
    database: HitsDatabase, form: str, heading: str, wanted: Filter, max_bytes: int
) -> ExportFile:
    suffix, mimetype, delimiter = NCBI[form]
    lead = [heading.encode()] if suffix == "txt" else []
    lines = write_table(Descriptions(database, wanted).rows(), delimiter)
    kept, is_cut = _cut([*lead], lines, max_bytes)
    return ExportFile(b"".join(kept), len(kept) - len(lead) - 1, is_cut, suffix, mimetype)


def _cut(kept: list[bytes], lines: Iterable[bytes], max_bytes: int) -> tuple[list[bytes], bool]:
    size = 0
    for line in lines:
        if size > max_bytes:
            return kept, True
        kept.append(line)
        size += len(line)
    return kept, False


def _parquet(database: HitsDatabase, wanted: Filter, max_bytes: int) -> ExportFile:
    columns = ", ".join(f'"{column}"' for column in database.columns)
    where = database.where(wanted)
    hits = database.hits_for(wanted) if database.index.hits else "SELECT 0 LIMIT 0"
    with TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "hits.parquet"
        database.connection.execute(
            f"COPY (SELECT query, {columns} FROM ({hits}) WHERE {where.sql})"
            f" TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)",
            list(where.values),
        )
        if path.stat().st_size > max_bytes:
            raise TooLarge(
                "export_too_large",
                f"the Parquet file has more than {max_bytes:,} bytes: export fewer hits",
            )
        rows = database.count(wanted)
        return ExportFile(path.read_bytes(), rows, False, PARQUET, "application/vnd.apache.parquet")


def report_heading(job_id: str, program: str, database: str, title: str) -> Iterator[str]:
    """The first lines of a report."""
    yield f"Job: {job_id}\n"
    yield f"Program: {program}\n"
    yield f"Database: {database}\n"
    if title:
        yield f"Title: {title}\n"
    yield "\n"
