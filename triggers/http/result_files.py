"""The result files of a job, by its manifest, and the hits in them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from shared import dependencies
from shared.blast.result_files import MANIFEST, outfmt_of
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotFound
from shared.hits import Hit, Unreadable, hits
from shared.hits.gzip import MOST_TEXT
from triggers.http.etag import retry_after


def files_of(job: Job) -> list[dict[str, Any]]:
    """The results in the manifest, which is written when the job completes; none before.

    A batch has none of its own: its searches do.
    """
    if job.phase is not Phase.COMPLETED or job.child_count:
        return []
    manifest = dependencies.blobs().get(job.results_prefix + MANIFEST)
    if manifest is None:
        raise NotFound("results_gone", f"the results of {job.job_id} are gone")
    files: list[dict[str, Any]] = json.loads(manifest)["files"]
    return files


def file_of(job: Job, wanted: str) -> dict[str, Any]:
    """The file of that id or name, if the manifest has it: no path is made of what was asked.

    Raises NotFound.
    """
    for file in files_of(job):
        if wanted in (file["file_id"], file["name"]):
            return file
    raise NotFound("not_found", f"{job.job_id} has no result {wanted}", wait_for_files(job))


def wait_for_files(job: Job) -> timedelta | None:
    """How long to wait for results; None where there will be no others than there are."""
    return None if job.child_count else retry_after(job)


def hits_of(job: Job, name: str, most: int = MOST_TEXT) -> Iterator[Hit]:
    """The hits of one file, as `hits` gives them. Raises Unreadable with the file's name in it."""
    try:
        pieces = dependencies.blobs().iter_chunks(job.results_prefix + name)
        yield from hits(pieces, outfmt_of(job.search), most)
    except Unreadable as error:
        raise Unreadable(error.code, f"{name}: {error}") from error
