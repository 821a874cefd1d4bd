"""A job's result files, as its manifest lists them, and the hits in them."""

import json
from collections.abc import Iterator
from datetime import timedelta

from shared.blast.result_files import MANIFEST, outfmt_of
from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotFound
from shared.hits import Hit, Unreadable, hits
from shared.hits.gzip import MOST_TEXT
from shared.util.threads import read_in_thread
from triggers.http.etag import retry_after
from triggers.http.services import HttpServices
from triggers.schemas.results import ResultFile


async def files_of(services: HttpServices, job: Job) -> list[ResultFile]:
    """Return the files in the manifest, which is written when the job completes.

    Empty before that, and for a batch, whose searches have the files.
    """
    if job.phase is not Phase.COMPLETED or job.child_count:
        return []
    manifest = await services.clients.blobs.get(job.results_prefix + MANIFEST)
    if manifest is None:
        message = f"the results of {job.job_id} were removed from Blob: run the search again"
        raise NotFound("results_gone", message)
    return [ResultFile.model_validate(file) for file in json.loads(manifest)["files"]]


async def file_of(services: HttpServices, job: Job, name_or_id: str) -> ResultFile:
    """Find a file in the manifest by name or id; the input is never used as a path.

    Raises NotFound.
    """
    for file in await files_of(services, job):
        if name_or_id in (file.file_id, file.name):
            return file
    message = f"{job.job_id} has no result file {name_or_id}"
    raise NotFound("not_found", message, results_retry_after(job))


def results_retry_after(job: Job) -> timedelta | None:
    """Return the poll interval for results; None if the list of results is final."""
    return None if job.child_count else retry_after(job)


def hits_of(blobs: Blobs, job: Job, name: str, max_bytes: int = MOST_TEXT) -> Iterator[Hit]:
    """Return the hits of a file, reading at most `max_bytes` of text, for a function in a thread.

    Reading them raises Unreadable, whose message has the file's name, and ReadLimitReached.
    """
    chunks = read_in_thread(blobs.iter_chunks(job.results_prefix + name))
    return _with_name(name, hits(chunks, outfmt_of(job.search), max_bytes))


def _with_name(name: str, file_hits: Iterator[Hit]) -> Iterator[Hit]:
    try:
        yield from file_hits
    except Unreadable as error:
        raise Unreadable(error.code, f"{name}: {error}") from error
