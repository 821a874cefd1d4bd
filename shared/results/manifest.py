"""The manifest of a completed search: the list of its result files, below its results prefix."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from shared.blast.result_files import (
    MANIFEST,
    ManifestEntry,
    manifest_entry,
    merged_results,
    result_files,
)
from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.job import Job
from shared.contracts.serialization import deserialize, serialize

log = logging.getLogger("blast")
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ResultManifest:
    """The content of the blob, as JSON."""

    files: tuple[ManifestEntry, ...]
    job_id: str = ""
    schema_version: int = SCHEMA_VERSION


async def write_manifest(
    blobs: Blobs, job: Job, listed: Sequence[BlobInfo]
) -> Sequence[ManifestEntry]:
    """Write the manifest of the results among `listed`, and return its entries.

    Raises Unavailable.
    """
    files = [*result_files(listed), *merged_results(listed)]
    entries = [manifest_entry(file, job.search) for file in files]
    await blobs.put(job.results_prefix + MANIFEST, dump_manifest(job, entries))
    return entries


def dump_manifest(job: Job, entries: Sequence[ManifestEntry]) -> bytes:
    """The content of a manifest."""
    manifest = ResultManifest(tuple(entries), job.job_id)
    return json.dumps(serialize(manifest)).encode()


async def read_manifest(blobs: Blobs, job: Job) -> Sequence[ManifestEntry] | None:
    """The entries of the manifest of a completed job; None if it is gone.

    One that cannot be read is written again from the files, as it says nothing else; if results
    are gone, too, it counts as gone. Raises Unavailable.
    """
    data = await blobs.get(job.results_prefix + MANIFEST)
    if data is None:
        return None
    try:
        return deserialize(ResultManifest, json.loads(data)).files
    except (ValueError, RecursionError):
        log.warning("manifest_unreadable job_id=%s", job.job_id)
    listed = await blobs.list(job.results_prefix)
    if len(result_files(listed)) < max(job.counts.succeeded, 1):
        return None
    return await write_manifest(blobs, job, listed)
