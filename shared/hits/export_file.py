"""Writes exports of hits to files on disk, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from shared.hits.convert import EFFORTS
from shared.hits.database import parquet_options, quoted
from shared.hits.descriptions import Descriptions, write_table
from shared.hits.export import FORMATS, TextExport
from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase

PARQUET = "parquet"
_DESCRIPTIONS = {
    "ncbi-hit-table-csv": ("csv", "text/csv", ","),
    "ncbi-hit-table-text": ("tsv", "text/tab-separated-values", "\t"),
    "ncbi-report-text": ("txt", "text/plain", "\t"),
}
"""By format: suffix, media type and delimiter."""


@dataclass(frozen=True)
class FileType:
    """The suffix and media type of a file."""

    suffix: str
    mimetype: str


FILE_TYPES = {
    **{form: FileType(text.suffix, text.mimetype) for form, text in FORMATS.items()},
    **{form: FileType(*described[:2]) for form, described in _DESCRIPTIONS.items()},
    PARQUET: FileType("parquet", "application/vnd.apache.parquet"),
}
"""By the value of the query parameter `format`."""


def write_hits(
    database: HitsDatabase, path: Path, form: str, job_id: str, heading: str, wanted: Filter
) -> None:
    """Write the hits that pass the filter. `heading` is the first part of a report."""
    if form == PARQUET:
        _write_parquet(database, path, wanted)
    elif form in _DESCRIPTIONS:
        write_pieces(path, _descriptions(database, form, heading, wanted))
    else:
        write_pieces(path, TextExport(database, FORMATS[form], job_id, wanted).pieces())


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file piece by piece."""
    with path.open("wb") as file:
        file.writelines(pieces)


def _descriptions(
    database: HitsDatabase, form: str, heading: str, wanted: Filter
) -> Iterator[bytes]:
    suffix, _, delimiter = _DESCRIPTIONS[form]
    lead = [heading.encode()] if suffix == "txt" else []
    return chain(lead, write_table(Descriptions(database, wanted).rows(), delimiter))


def _write_parquet(database: HitsDatabase, path: Path, wanted: Filter) -> None:
    columns = ", ".join(f'"{column}"' for column in database.columns)
    where = database.where(wanted)
    hits = database.relations.hits(with_coverage=True)
    database.connection.execute(
        f"COPY (SELECT query, {columns} FROM ({hits}) WHERE {where.sql})"
        f" TO {quoted(path)} {parquet_options(EFFORTS[0].row_group_of(database.columns))}",
        list(where.values),
    )


def report_heading(job_id: str, program: str, database: str, title: str) -> str:
    """The first lines of a report."""
    lines = [f"Job: {job_id}", f"Program: {program}", f"Database: {database}"]
    return "\n".join([*lines, *([f"Title: {title}"] if title else []), "", ""])
