"""Sets of batch numbers, compact enough for a table column. Pure."""

import re
from collections.abc import Iterable

MOST_BATCHES = 5000
MOST_SHARDED_BATCHES = 100
"""Numbers reserved per shard: elastic-blast allows at most 100 batches over all shards."""
MOST_SHARDS = 100

_JOB = re.compile(r"-job-(\d{3,4})-[^-]+")
_RESULT = re.compile(r"(?:shard_(\d{2})/)?batch_(\d{3,4})-[^/]+\.out\.gz")


def number_of_job(name: str, shard: str = "") -> int | None:
    """The batch number of a blast Job, unique across shards; None if the name has another form."""
    match = _JOB.search(name)
    return _number(match[1], shard) if match else None


def number_of_result(name: str) -> int | None:
    """The batch number of a result file, equal to that of its Job; None for other files."""
    match = _RESULT.fullmatch(name)
    return _number(match[2], match[1] or "") if match else None


def _number(batch: str, shard: str) -> int | None:
    if not shard:
        return int(batch) if int(batch) < MOST_BATCHES else None
    if not shard.isascii() or not shard.isdigit():
        return None
    fits = int(batch) < MOST_SHARDED_BATCHES and int(shard) < MOST_SHARDS
    return int(shard) * MOST_SHARDED_BATCHES + int(batch) if fits else None


def dump(numbers: Iterable[int]) -> str:
    """Encode the numbers as a hexadecimal bit mask: 1,250 characters for MOST_BATCHES."""
    mask = 0
    for number in set(numbers):
        mask |= 1 << number
    return f"{mask:x}" if mask else ""


def load(text: str) -> frozenset[int]:
    """Decode a mask of `dump`."""
    mask = int(text or "0", 16)
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)
