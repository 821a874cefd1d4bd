"""The searches of a batch as one blob: a line for each, with the text of its query."""

import json
from collections.abc import Iterable

from shared.contracts import serialization
from shared.contracts.job import Job
from shared.contracts.search import SearchSpec
from shared.contracts.storage_urls import QUERIES, StorageAccount


def batch_url(account: StorageAccount, job_id: str, fingerprint: str) -> str:
    """Where the searches of a batch lie.

    Named by the request too: two that race for one key do not overwrite each other.
    """
    return account.url(QUERIES, f"{job_id}/{fingerprint[:16]}.jsonl")


def query_url(account: StorageAccount, job: Job) -> str:
    """Where the text of a job's query is put; named by its request, as that of a batch is."""
    return account.url(QUERIES, f"{job.job_id}/{job.fingerprint[:16]}.fa")


def dump(searches: Iterable[SearchSpec]) -> bytes:
    """The blob of these searches."""
    return b"\n".join(json.dumps(serialization.serialize(spec)).encode() for spec in searches)


def load(data: bytes, numbers: Iterable[int]) -> list[SearchSpec]:
    """The searches of these numbers, from 1; no others are parsed."""
    lines = data.split(b"\n")
    return [
        serialization.deserialize(SearchSpec, json.loads(lines[number - 1])) for number in numbers
    ]
