"""The rules for databases in shards: those of elastic-blast, and of its merge of results."""

from typing import Any

import pytest

from shared.errors import Invalid
from tests.support.samples import settings
from triggers.submission.parse import parse

ROOT = "https://stgelb.blob.core.windows.net/blast-db"
BODY: dict[str, Any] = {
    "program": "blastn",
    "db": "16S",
    "query_data": ">q\nACGT\n",
    "db_partitions": 4,
    "num_nodes": 4,
}
FOUR = ">a\nACGTACGT\n>b\nACGTACGT\n>c\nACGTACGT\n>d\nACGTACGT\n"


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse(BODY | changes, settings())
    return {fault.path: fault.message for fault in caught.value.faults}


def prefix(**changes: Any) -> str:
    return parse(BODY | changes, settings()).search.sizing.db_partition_prefix


@pytest.mark.parametrize(
    ("db", "expected"),
    [
        ("16S", f"{ROOT}/4shards/16S_shard_"),
        ("blast-db/nt/nt", f"{ROOT}/4shards/nt_shard_"),
        (f"{ROOT}/custom/nt/nt", f"{ROOT}/custom/4shards/nt_shard_"),
    ],
)
def test_the_prefix_is_built_from_the_database(db: str, expected: str) -> None:
    assert prefix(db=db) == expected


@pytest.mark.parametrize(
    "given",
    [
        "4shards/16S_shard_",
        "blast-db/4shards/16S_shard_",
        "az://blast-db/4shards/16S_shard_",
        f"{ROOT}/4shards/16S_shard_",
    ],
)
def test_a_prefix_in_the_request_is_bound_to_the_account(given: str) -> None:
    assert prefix(db_partition_prefix=given) == f"{ROOT}/4shards/16S_shard_"
    mine = given.replace("4shards", "mine")
    assert prefix(db_partition_prefix=mine) == f"{ROOT}/mine/16S_shard_"


@pytest.mark.parametrize(
    "given",
    [
        "../..",
        "/etc/passwd",
        "p",
        "4shards/other_shard_",
        "4shards/16S_part_",
        "a/b/16S_shard_",
        "16S_shard_",
        "https://other.blob.core.windows.net/blast-db/4shards/16S_shard_",
        "https://stgelb.blob.core.windows.net/results/4shards/16S_shard_",
        f"{ROOT}/4shards/16S_shard_?sig=x",
        f"{ROOT}/4shards/../16S_shard_",
        "https://[x",
    ],
)
def test_r7_another_prefix_is_refused(given: str) -> None:
    assert refused(db_partition_prefix=given).keys() == {"db_partition_prefix"}


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"num_nodes": 1}, {"db_partitions"}),
        ({"num_nodes": 3}, {"db_partitions"}),
        ({"num_nodes": None}, {"db_partitions"}),
        ({"db_partitions": 101}, {"db_partitions"}),
        ({"db_partitions": -1}, {"db_partitions"}),
        ({"db": "custom/16S"}, {"db_partitions"}),
        ({"program": "blastp"}, {"db_partitions"}),
        ({"program": "blastx"}, {"db_partitions"}),
        ({"program": "blat", "num_nodes": 1}, {"program", "db_partitions"}),
        ({"outfmt": 0}, {"outfmt"}),
        ({"outfmt": 11}, {"outfmt"}),
        ({"outfmt": 15}, {"outfmt"}),
        ({"outfmt": "6 qseqid sseqid"}, {"outfmt"}),
        ({"outfmt": "7 qseqid evalue"}, {"outfmt"}),
        ({"outfmt": "6 sseqid evalue bitscore"}, {"outfmt"}),
        ({"additional_options": "-outfmt 0"}, {"outfmt"}),
        ({"outfmt": 0, "num_nodes": 1, "db_partition_prefix": "../.."},
         {"outfmt", "db_partitions", "db_partition_prefix"}),
    ],
)  # fmt: skip
def test_what_cannot_be_staged_or_merged_is_refused(
    changes: dict[str, Any], paths: set[str]
) -> None:
    assert refused(**changes).keys() == paths


@pytest.mark.parametrize(
    "outfmt", ["5", "6", "7", "6 std", "7 std staxids", "6 evalue bitscore qaccver sseqid"]
)
def test_formats_that_elastic_blast_merges_are_accepted(outfmt: str) -> None:
    assert f"-outfmt {outfmt}" in parse(BODY | {"outfmt": outfmt}, settings()).search.options


@pytest.mark.parametrize(
    ("default", "expected"), [("7", "7"), ("6 std staxids", "6 std staxids"), ("7 qaccver", "5")]
)
def test_a_default_that_cannot_be_merged_is_replaced(default: str, expected: str) -> None:
    options = parse(BODY, settings(default_outfmt=default)).search.options
    assert options == f"-outfmt {expected}"


def test_shards_times_batches_are_at_most_100() -> None:
    names = {"query_data": "".join(f">q{n}\nACGT\n" for n in range(26)), "outfmt": 6}
    (fault,) = refused(**names, batch_len=4).items()
    assert fault[0] == "batch_len"
    needed = int(fault[1].partition("use ")[2].partition(":")[0])
    parse(BODY | names | {"batch_len": needed}, settings())
    most = {"query_data": "".join(f">q{n}\nACGT\n" for n in range(25)), "outfmt": 6}
    parse(BODY | most | {"batch_len": 4}, settings())


def test_xml_of_several_batches_is_refused_with_a_batch_len_that_fits() -> None:
    """The merge tells queries apart by their number in a batch."""
    message = refused(query_data=FOUR, batch_len=16)["outfmt"]
    assert message.endswith("a batch_len of 32")
    parse(BODY | {"query_data": FOUR, "batch_len": 32}, settings())
    parse(BODY | {"query_data": FOUR, "batch_len": 16, "outfmt": 7}, settings())
    names = {"additional_options": "-parse_deflines"}
    parse(BODY | {"query_data": FOUR, "batch_len": 16} | names, settings())


def test_queries_of_one_name_are_refused_where_they_are_merged_by_it() -> None:
    query = ">a\nACGT\n>b\nACGT\n>a\nACGT\n"
    assert "line 5" in refused(query_data=query, outfmt=6)["outfmt"]
    parse(BODY | {"query_data": query, "outfmt": 5}, settings())
    parse(BODY | {"query_data": query, "outfmt": 6, "db_partitions": 0}, settings())


def test_a_job_name_with_four_digits_must_fit_too() -> None:
    """Failure 53: batches above 1,000 have longer numbers in the names of their Jobs."""
    body = {"db_partitions": 0, "query_data": ">q\nACGT\n" * 1001, "batch_len": 4}
    assert refused(**body, db="n" * 33).keys() == {"batch_len"}
    parse(BODY | body | {"db": "n" * 32}, settings())
    parse(BODY | body | {"db": "n" * 33, "batch_len": 8}, settings())
    parse(BODY | body | {"db": "n" * 33, "query_data": ">q\nACGT\n" * 1000}, settings())
