"""A job's result files, as its manifest lists them."""

from datetime import timedelta

from shared.blast.result_files import outfmt_of
from shared.contracts.job import Job
from shared.contracts.serialization import serialize
from shared.contracts.states import Phase
from shared.elastic_blast.allowed_options import XML
from shared.errors import NotFound
from shared.hits.formats import is_readable
from shared.results.manifest import read_manifest
from triggers.http.etag import retry_after
from triggers.http.services import HttpServices
from triggers.schemas.results import ResultFile

FORMAT_OF_XML = "blast_xml"
"""By this word the dashboard knows that a file is BLAST's XML, and offers its export."""


async def files_of(services: HttpServices, job: Job) -> list[ResultFile]:
    """Return the files in the manifest, which is written when the job completes.

    Empty before that, and for a batch, whose searches have the files.
    """
    if job.phase is not Phase.COMPLETED or job.child_count:
        return []
    files = await read_manifest(services.clients.blobs, job)
    if files is None:
        message = f"the results of {job.job_id} were removed from Blob: run the search again"
        raise NotFound("results_gone", message)
    outfmt = outfmt_of(job.search)
    shown: dict[str, object] = {"parseable": is_readable(outfmt)}
    if outfmt == XML:
        shown["format"] = FORMAT_OF_XML
    return [ResultFile.model_validate({**serialize(file), **shown}) for file in files]


async def file_of(services: HttpServices, job: Job, name_or_id: str) -> ResultFile:
    """Find a file in the manifest by name or id; the input is never used as a path.

    Raises NotFound.
    """
    for file in await files_of(services, job):
        if name_or_id in (file.file_id, file.name):
            return file
    message = f"{job.job_id} has no result file {name_or_id}"
    raise NotFound("not_found", message, results_retry_after(job))


def results_gone(name: str) -> NotFound:
    """The error of a result file that the manifest lists, and Blob no longer has."""
    return NotFound("results_gone", f"the file {name} was removed from Blob: run the search again")


def results_retry_after(job: Job) -> timedelta | None:
    """Return the poll interval for results; None if the list of results is final."""
    return None if job.child_count else retry_after(job)
