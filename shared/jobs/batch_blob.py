"""Stores the searches of a batch as one JSON Lines blob, including their query texts."""

import json
from collections.abc import Iterable

from shared.contracts import serialization
from shared.contracts.job import Job
from shared.contracts.search import SearchSpec
from shared.contracts.storage_urls import QUERIES, StorageAccount


def batch_url(account: StorageAccount, job_id: str, fingerprint: str) -> str:
    """The URL of a batch's searches.

    Contains the fingerprint: concurrent requests with one key do not overwrite each other's blob.
    """
    return account.url(QUERIES, f"{job_id}/{fingerprint[:16]}.jsonl")


def query_url(account: StorageAccount, job: Job) -> str:
    """The URL of a job's query text. Contains the fingerprint, as `batch_url`."""
    return account.url(QUERIES, f"{job.job_id}/{job.fingerprint[:16]}.fa")


def dump(searches: Iterable[SearchSpec]) -> bytes:
    """The blob's content: one search per line."""
    return b"\n".join(json.dumps(serialization.serialize(spec)).encode() for spec in searches)


def load(data: bytes, numbers: Iterable[int]) -> list[SearchSpec]:
    """The searches with these numbers, which count from 1. Other lines are not parsed."""
    lines = data.split(b"\n")
    return [
        serialization.deserialize(SearchSpec, json.loads(lines[number - 1])) for number in numbers
    ]
