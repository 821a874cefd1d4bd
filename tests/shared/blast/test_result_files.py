"""The result files of a search among the blobs of its folder."""

import random

from shared.blast.result_files import MERGED, result_files
from shared.clients.blobs import BlobInfo
from tests.support.samples import NOON

OTHERS = [MERGED, "metadata/manifest.json", "query_batches/batch_000.fa", "logs/batch_001.out.gz"]


def found(names: list[str]) -> list[str]:
    """The result files among blobs of these names, which storage lists by name."""
    listed = [BlobInfo(name, 1, NOON) for name in sorted([*names, *OTHERS])]
    return [file.name for file in result_files(listed)]


def test_result_files_are_in_the_order_of_the_queries_beyond_1000_batches() -> None:
    """By name, batch 1000 is before batch 101: hits and numbers of queries would be in disorder."""
    names = [f"batch_{number:03}-blastn-db.out.gz" for number in range(1205)]
    assert sorted(names) != names
    assert found(random.Random(1).sample(names, len(names))) == names


def test_result_files_of_shards_are_in_the_order_of_shards_and_queries() -> None:
    names = [
        f"shard_{shard:02}/batch_{number:03}-blastn-db.out.gz"
        for shard in range(12)
        for number in range(3)
    ]
    assert found(names[::-1]) == names


def test_an_empty_file_is_no_result() -> None:
    assert result_files([BlobInfo("batch_000-blastn-db.out.gz", 0, NOON)]) == []
