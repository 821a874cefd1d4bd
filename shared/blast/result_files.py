"""The files below a search's results prefix: names, result files and manifest entries."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.blast.batch_numbers import number_of_result
from shared.clients.blobs import BlobInfo
from shared.contracts.search import Search
from shared.elastic_blast.allowed_options import NO_OUTFMT, OUTFMT, value_of

MANIFEST = "metadata/manifest.json"
"""The list of results of a completed job, below its results prefix."""

MERGED = "merged_results.out.gz"
"""The results of a sharded search, merged by elastic-blast."""

JOB_COUNT_BLOB = "metadata/num_jobs_submitted.txt"
"""The number of blast Jobs that elastic-blast submits, below the results prefix."""

QUERY_BATCHES = "query_batches/"
"""The folder of the queries that each blast Job searched."""

LONGEST_COUNT = 9
"""Digits of the number in JOB_COUNT_BLOB; a column of a table holds no more."""

_NUMBER = re.compile(r"batch_(\d+)-")
_RESULT = re.compile(r"(?:shard_\d+/)?batch_\d+-[^/]+\.out\.gz")
_BATCH = re.compile(r"query_batches/batch_[^/]+\.fa")


@dataclass(frozen=True)
class ManifestEntry:
    """A result file in lists and manifests."""

    file_id: str
    name: str
    size: int
    last_modified: str
    format: str
    source: str


def result_files(listed: Iterable[BlobInfo]) -> list[BlobInfo]:
    """The non-empty result files in the list: one per batch and shard, in the queries' order.

    By name, batch 1000 is before batch 101.
    """
    found = [blob for blob in listed if _RESULT.fullmatch(blob.name) and blob.size > 0]
    return sorted(found, key=lambda blob: number_of_result(blob.name) or 0)


def merged_results(listed: Iterable[BlobInfo]) -> list[BlobInfo]:
    """The merged results in the list, which a sharded search has beside those of its shards."""
    return [blob for blob in listed if blob.name == MERGED and blob.size > 0]


def query_batch_of(name: str) -> str:
    """The name of the batch of queries whose hits are in a result file."""
    match = _NUMBER.search(name)
    return f"{QUERY_BATCHES}batch_{match[1]}.fa" if match else ""


def expected_results(listed: Iterable[BlobInfo], search: Search) -> int:
    """The number of results of a search without JOB_COUNT_BLOB: one per query batch and shard."""
    batches = sum(_BATCH.fullmatch(blob.name) is not None for blob in listed)
    return batches * max(1, search.sizing.db_partitions)


def parse_count(text: bytes | None) -> int | None:
    """The number in a metadata file; None if the file is missing or has no such number."""
    stripped = (text or b"").strip()
    is_number = stripped.isdigit() and len(stripped) <= LONGEST_COUNT
    return int(stripped) if is_number else None


def file_id(name: str) -> str:
    """The public id of a file. Only compared with the ids of known files, never used as a path."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def outfmt_of(search: Search) -> str:
    """The value of `-outfmt`: a number, for tables optionally followed by columns."""
    return value_of(search.options, OUTFMT) or NO_OUTFMT


def manifest_entry(file: BlobInfo, search: Search) -> ManifestEntry:
    """The entry of a result file of the search."""
    return ManifestEntry(
        file_id=file_id(file.name),
        name=file.name,
        size=file.size,
        last_modified=file.modified.isoformat(),
        format=f"outfmt {outfmt_of(search).split()[0]}, gzip",
        source="elastic-blast",
    )
