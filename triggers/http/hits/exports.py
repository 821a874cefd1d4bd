"""The exports of a job's hits: how each is named and written."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.blast.result_files import outfmt_of
from shared.contracts.job import Job
from shared.errors import Fault, Invalid
from shared.hits.errors import Unreadable
from shared.hits.export_file import (
    FILE_TYPES,
    PARQUET,
    FileType,
    report_heading,
    write_hits,
    write_pieces,
)
from shared.hits.filters import Filter
from shared.hits.reports import REPORTS, join_reports, refuse_other_outfmt
from shared.results.exports import ExportFile
from shared.results.job_index import indexed_names
from shared.util.threads import in_thread, read_in_thread
from triggers.http.hits.opened import (
    IndexedHits,
    find_index,
    open_index,
    refuse_without_results,
)
from triggers.http.hits.params import ExportQuery
from triggers.http.query_params import DashboardCoordinates
from triggers.http.result_files import file_of, files_of, results_gone
from triggers.http.services import HttpServices

VERSION = 2
"""Of the formats, the filters, and the reports that are damaged: a file of another version is
written anew."""
_OF_REPORTS = {*DashboardCoordinates.model_fields, "format", "file", "blob_name"}
"""The parameters that a report of BLAST+ has, which is not made from hits."""


@dataclass(frozen=True)
class PlannedExport:
    """An export, and the name and type of its file for the client."""

    export: ExportFile
    filename: str
    mimetype: str


async def plan_export(services: HttpServices, job: Job, query: ExportQuery) -> PlannedExport:
    """The export that a request asks for.

    Raises Invalid for a filter that the format cannot have, Unreadable for a report that BLAST+
    did not write and for hits that are missing, and what `find_index` raises.
    """
    if query.format in REPORTS:
        return await _plan_report(services, job, query)
    found = await find_index(services, job)
    wanted = await found.filter_of(services, query)
    for file in found.index.unreadable:
        if wanted.file in (None, file.number):
            # A file that lacks hits would be taken for all of them.
            raise Unreadable(file.code or "file_damaged", f"{file.name}: {file.message}")
    heading = _heading(job)
    sources = [file.name for file in found.index.stored_files]
    write = partial(_write_hits, services, found, query.format, heading, wanted)
    depends_on = (query.format, heading, wanted, sources)
    return _planned(job, depends_on, write, FILE_TYPES[query.format])


async def _write_hits(
    services: HttpServices,
    found: IndexedHits,
    form: str,
    heading: str,
    wanted: Filter,
    path: Path,
) -> None:
    """Write the hits of the index that names the export: the job may have another one by now."""
    async with open_index(services, found) as hits:
        await hits.export(write_hits, path, form, found.job.job_id, heading, wanted)


async def _plan_report(services: HttpServices, job: Job, query: ExportQuery) -> PlannedExport:
    refuse_without_results(job)
    message = f"{query.format} is BLAST's own report of whole files: it has no filter"
    if faults := [Fault(name, message) for name in sorted(query.model_fields_set - _OF_REPORTS)]:
        raise Invalid(faults)
    refuse_other_outfmt(query.format, outfmt_of(job.search))
    if query.file_name is None:
        names = indexed_names([file.name for file in await files_of(services, job)])
    else:
        names = [(await file_of(services, job, query.file_name)).name]
    etags = {blob.name: blob.etag for blob in await services.clients.blobs.list(job.results_prefix)}
    if missing := [name for name in names if name not in etags]:
        raise results_gone(missing[0])
    sources = [(name, etags[name]) for name in names]
    write = partial(_write_report, services, job, query.format, sources)
    report = REPORTS[query.format]
    depends_on = (query.format, sources)
    return _planned(job, depends_on, write, FileType(report.suffix, report.mimetype))


async def _write_report(
    services: HttpServices, job: Job, form: str, sources: Sequence[tuple[str, str]], path: Path
) -> None:
    """Write the report of the files with these ETags. Raises Unavailable if one has changed."""
    blobs = services.clients.blobs
    loop = asyncio.get_running_loop()
    opened = [
        lambda url=job.results_prefix + name, etag=etag: read_in_thread(
            blobs.iter_chunks(url, etag), loop
        )
        for name, etag in sources
    ]
    await in_thread(write_pieces, path, join_reports(form, opened))


def _planned(
    job: Job, depends_on: object, write: Callable[[Path], Awaitable[None]], kind: FileType
) -> PlannedExport:
    """`depends_on` is all that the content depends on, beside the code: see VERSION."""
    text = repr((VERSION, depends_on))
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.{kind.suffix}"
    export = ExportFile(job.results_prefix, name, write, is_text=kind.suffix != PARQUET)
    return PlannedExport(export, f"{job.job_id}.{kind.suffix}", kind.mimetype)


def _heading(job: Job) -> str:
    search = job.search
    return report_heading(job.job_id, search.program, search.database, search.title)
