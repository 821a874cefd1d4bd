"""Which batches of a search are done, as a set of numbers that fits into a column. Pure."""

import re
from collections.abc import Iterable

MOST_BATCHES = 5000
MOST_SHARDED_BATCHES = 100
"""Batches of one shard: elastic-blast takes at most so many for all shards together."""
MOST_SHARDS = 100

_JOB = re.compile(r"-job-(\d{3,4})-[^-]+")
_RESULT = re.compile(r"(?:shard_(\d{2})/)?batch_(\d{3,4})-[^/]+\.out\.gz")


def number_of_job(name: str, shard: str = "") -> int | None:
    """The number of a blast Job's batch, told apart by shard; None for a name of another form."""
    found = _JOB.search(name)
    return _number(found[1], shard) if found else None


def number_of_result(name: str) -> int | None:
    """The number of a result file's batch, the same as its Job's."""
    found = _RESULT.fullmatch(name)
    return _number(found[2], found[1] or "") if found else None


def _number(batch: str, shard: str) -> int | None:
    if not shard:
        return int(batch) if int(batch) < MOST_BATCHES else None
    if not shard.isascii() or not shard.isdigit():
        return None
    fits = int(batch) < MOST_SHARDED_BATCHES and int(shard) < MOST_SHARDS
    return int(shard) * MOST_SHARDED_BATCHES + int(batch) if fits else None


def dump(numbers: Iterable[int]) -> str:
    """The numbers as a bit mask in hexadecimal: 5,000 of them are 1,250 characters."""
    mask = 0
    for number in set(numbers):
        mask |= 1 << number
    return f"{mask:x}" if mask else ""


def load(text: str) -> frozenset[int]:
    """The numbers in a mask."""
    mask = int(text or "0", 16)
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)
