"""CMD=Get: the state of a search, or its results in one of the formats."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import parse_qsl

from azure.functions import HttpResponse

from shared.blast.result_files import outfmt_of
from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.errors import Invalid, NotFound, TooLarge, Unavailable
from shared.hits.errors import Unreadable
from shared.hits.formats import is_readable
from shared.hits.questions import HitsDatabase
from shared.hits.reports import join_reports
from shared.hits.table import HitTable
from shared.hits.xml_limits import limit_subjects
from shared.results.job_index import indexed_names
from shared.url_api import pages
from shared.url_api.get import Format, GetRequest, merge_kept, read_get
from shared.url_api.put import OUTFMT
from shared.url_api.rid import job_id_of
from shared.util.threads import in_thread, read_in_thread
from triggers.http.blob_response import MAX_RESPONSE_BYTES
from triggers.http.etag import retry_after_header
from triggers.http.hits.opened import open_hits, refuse_without_results
from triggers.http.jobs import visible_job
from triggers.http.result_files import files_of
from triggers.http.services import HttpServices
from triggers.url_api.views import document, html

INDEX_PENDING = "index_pending"
READY, WAITING, FAILED = "READY", "WAITING", "FAILED"


async def get(
    services: HttpServices, caller: Caller, parameters: Mapping[str, str]
) -> HttpResponse:
    """The state, a waiting page or the results.

    Raises Invalid, and NotFound for a search that has no results and gets none: clients poll a
    page that says so for ever.
    """
    request, faults = read_get(parameters)
    if faults:
        raise Invalid(faults)
    try:
        if request.is_search_info:
            return await _search_info(services, caller, request.rid)
        job = await _job_of(services, caller, request.rid)
        if (state := _state(job)) == FAILED:
            raise NotFound("no_results", _why(job))
        if state == WAITING:
            return html(pages.status(WAITING), headers=retry_after_header(job))
        request, faults = read_get(merge_kept(dict(parse_qsl(job.search.report)), parameters))
        if faults:
            raise Invalid(faults)
        return await _report(services, job, request)
    except Unavailable as error:
        if error.code != INDEX_PENDING:
            raise
        return html(pages.status(WAITING))


async def _search_info(services: HttpServices, caller: Caller, rid: str) -> HttpResponse:
    try:
        job = await _job_of(services, caller, rid)
    except NotFound:
        return html(pages.status("UNKNOWN"))
    state = _state(job)
    has_hits = await _has_hits(services, job) if state == READY else None
    return html(pages.status(state, has_hits), headers=retry_after_header(job))


def _state(job: Job) -> str:
    """A search has also failed while it is still being cancelled or cleaned up."""
    if job.phase is Phase.COMPLETED:
        return READY
    is_stopping = job.cancel_requested_at is not None or job.pending_failure is not None
    return FAILED if job.phase.is_end or is_stopping else WAITING


async def _report(services: HttpServices, job: Job, request: GetRequest) -> HttpResponse:
    refuse_without_results(job)
    if request.format is Format.XML:
        return document(await _joined_xml(services, job, request.most_subjects), "text/xml")
    return await _table(services, job, request)


async def _has_hits(services: HttpServices, job: Job) -> bool:
    """Whether there are hits; True if they cannot be counted, so that clients look themselves."""
    if job.child_count or not is_readable(outfmt_of(job.search)):
        return not job.child_count
    index = await services.clients.hit_indexes.index_of(job)
    return index.hits > 0 or bool(index.unreadable)


async def _job_of(services: HttpServices, caller: Caller, rid: str) -> Job:
    """The caller's job with a RID, by one point read. Raises NotFound."""
    job_id = job_id_of(rid)
    if job_id is not None:
        return await visible_job(services, job_id, caller)
    raise NotFound("not_found", f"there is no request {rid[:80]}")


def _why(job: Job) -> str:
    if job.pending_failure:
        return f"the search has failed: {job.pending_failure.error}"
    if job.phase.is_failure:
        return f"the search has failed: {job.error or job.phase}"
    return "the search was cancelled"


async def _joined_xml(services: HttpServices, job: Job, most_subjects: int | None) -> bytes:
    """The XML of all batches as one document.

    Raises Unreadable for another format, and TooLarge: azure-functions holds a whole response in
    memory.
    """
    outfmt = outfmt_of(job.search)
    if outfmt != OUTFMT:
        text = f"the search was made with outfmt {outfmt}, not as XML: use Tabular or CSV"
        raise Unreadable("format_not_readable", text)
    names = indexed_names([file.name for file in await files_of(services, job)])
    loop, blobs = asyncio.get_running_loop(), services.clients.blobs
    files = [partial(_read, blobs, job.results_prefix + name, loop) for name in names]
    return await in_thread(collect, limit_subjects(join_reports("xml", files), most_subjects))


def _read(blobs: Blobs, url: str, loop: asyncio.AbstractEventLoop) -> Iterable[bytes]:
    return read_in_thread(blobs.iter_chunks(url), loop)


async def _table(services: HttpServices, job: Job, request: GetRequest) -> HttpResponse:
    async with open_hits(services, job) as opened:
        for file in opened.index.unreadable:
            # A table that lacks hits would be taken for all of them.
            raise Unreadable(file.code or "file_damaged", f"{file.name}: {file.message}")
        return document(
            await opened.hits.ask(_rendered, request.format, request.most_subjects),
            "text/csv" if request.format is Format.CSV else "text/html",
        )


def _rendered(database: HitsDatabase, form: Format, most_subjects: int | None) -> bytes:
    if form is Format.CSV:
        return collect(HitTable(database, ",", most_subjects).pieces())
    rows = collect(HitTable(database, "\t", most_subjects).pieces())
    return pages.table(rows)


def collect(pieces: Iterable[bytes], most: int = MAX_RESPONSE_BYTES) -> bytes:
    """All pieces. Raises TooLarge as soon as they have more than `most` bytes."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            text = (
                f"the results have more than {most:,} bytes, which is the limit of a response:"
                " lower ALIGNMENTS, or read ranges of /api/blast/jobs/{id}/results/export"
            )
            raise TooLarge("file_too_large", text)
        kept.append(piece)
    return b"".join(kept)
