"""The files that a search leaves behind: which of them are results, and how they are named."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from shared.clients.blobs import BlobInfo
from shared.contracts.search import Search
from shared.elastic_blast.allowed_options import NO_OUTFMT, OUTFMT, value_of

MANIFEST = "metadata/manifest.json"
"""Where the list of results is kept once a job is completed, below its results prefix."""

AGGREGATE, AGGREGATING = "metadata/aggregate.json", "metadata/aggregating.json"
"""What all hits come to, beside the manifest; and how far that is while it is being made."""

JOB_COUNT_BLOB = "metadata/num_jobs_submitted.txt"
"""Where elastic-blast says how many blast Jobs it makes, below the results prefix."""

_RESULT = re.compile(r"(?:shard_\d+/)?batch_\d+-[^/]+\.out\.gz")
_BATCH = re.compile(r"query_batches/batch_[^/]+\.fa")


def result_files(listed: Iterable[BlobInfo]) -> list[BlobInfo]:
    """The results among what lies below the prefix, one for each batch (and shard)."""
    return [blob for blob in listed if _RESULT.fullmatch(blob.name) and blob.size > 0]


def expected_results(listed: Iterable[BlobInfo], search: Search) -> int:
    """How many results there will be, for a search that left no number of its Jobs: one for each
    batch of queries, in each shard."""
    batches = sum(_BATCH.fullmatch(blob.name) is not None for blob in listed)
    return batches * max(1, search.sizing.db_partitions)


def parse_count(text: bytes | None) -> int | None:
    """The number in a metadata file; None where there is none, or none yet."""
    stripped = (text or b"").strip()
    return int(stripped) if stripped.isdigit() else None


def file_id(name: str) -> str:
    """The public id of a file. It is looked up, never used as a path."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def outfmt_of(search: Search) -> str:
    """What BLAST+ was given as its output format: a number, and for tables perhaps columns."""
    return value_of(search.options, OUTFMT) or NO_OUTFMT


def manifest_entry(file: BlobInfo, search: Search) -> dict[str, Any]:
    """A file as lists and manifests show it."""
    return {
        "file_id": file_id(file.name),
        "name": file.name,
        "size": file.size,
        "last_modified": file.modified.isoformat(),
        "format": f"outfmt {outfmt_of(search).split()[0]}, gzip",
        "source": "elastic-blast",
    }
