"""Searches of a database in shards, and how their merged hits compare with an unsharded search."""

import gzip
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.demo.queries import DEMO_FASTA, demo_queries
from local.elastic_blast import Environment
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.merge import MergeFailed, ShardedSearch, merge
from local.elastic_blast.shards import fetch_shard, upload_in_shards
from tests.local.elastic_blast.submission_fixture import HOST, SubmissionFixture, until
from tests.local.elastic_blast.test_search import run_blastn

pytestmark = pytest.mark.acceptance

DATABASE, SHARDS = "orchid_parts", 3
URL = f"{HOST}/blast-db/{DATABASE}/{DATABASE}"
PREFIX = f"{HOST}/blast-db/{SHARDS}shards/{DATABASE}_shard_"
LETTERS = 67_518
"""Of all sequences of the database, which a search of a shard has to assume."""


@pytest.fixture(scope="module")
def database(environment: Environment) -> Iterator[None]:
    """A database of the demo's sequences, in shards."""
    upload_in_shards(DEMO_FASTA, URL, SHARDS, AccountBlobs.of(environment))
    yield


def run(submission: SubmissionFixture, options: str, **changes: str) -> bytes:
    """The merged results of a search in shards."""
    ini = submission.ini(
        db=URL, options=options, db_partitions=str(SHARDS), db_partition_prefix=PREFIX, **changes
    ).replace("[cluster]", f"[cluster]\nnum-nodes = {SHARDS}")
    result = submission.submit(ini)
    assert (result.exit_code, result.answer["decision"]) == (0, "accepted")
    submission.wait_for_marker()
    return gzip.decompress(submission.blob("merged_results.out.gz") or b"")


def unsharded(folder: Path, options: str) -> str:
    fasta = folder / "orchids.fa"
    fasta.write_text(DEMO_FASTA.read_text())
    return run_blastn("blastn", fasta, "nucl", demo_queries(), options.split())


def rows(table: str) -> dict[tuple[str, ...], float]:
    """E-values by all other cells of a row."""
    cells = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {(*row[:10], row[11]): float(row[10]) for row in cells}


@pytest.mark.parametrize("number", ["6", "7"])
def test_merged_tables_have_the_hits_of_an_unsharded_search(
    database: None, submission: SubmissionFixture, tmp_path: Path, number: str
) -> None:
    """Only E-values differ, by up to 3 %: they depend on the number of sequences of a shard, too,
    which no option changes."""
    options = f"-outfmt {number} -max_target_seqs 500 -evalue 1e-20 -dbsize {LETTERS}"
    merged = rows(run(submission, options).decode())
    expected = rows(unsharded(tmp_path, options))
    assert merged.keys() == expected.keys()
    assert len(merged) > 400
    assert all(merged[key] == pytest.approx(expected[key], rel=0.05) for key in merged)
    assert submission.blob("metadata/num_jobs_submitted.txt") == b"12"
    report = json.loads(submission.blob("merge-report.json") or b"")
    assert (report["num_shards"], report["total_output_hits"]) == (SHARDS, len(merged))


def xml_hits(text: bytes) -> dict[tuple[str, str], list[str | None]]:
    """The bit scores of each query and subject."""
    return {
        (iteration.findtext("Iteration_query-def") or "", hit.findtext("Hit_id") or ""): [
            hsp.findtext("Hsp_bit-score") for hsp in hit.findall("Hit_hsps/Hsp")
        ]
        for iteration in ET.fromstring(text).iter("Iteration")
        for hit in iteration.iter("Hit")
    }


def test_merged_xml_of_one_batch_has_the_hits_of_an_unsharded_search(
    database: None, submission: SubmissionFixture, tmp_path: Path
) -> None:
    options = f"-outfmt 5 -max_target_seqs 500 -evalue 1e-20 -dbsize {LETTERS}"
    merged = xml_hits(run(submission, options, batch_len="100000"))
    assert merged == xml_hits(unsharded(tmp_path, options).encode())
    assert len(merged) > 400


def test_xml_of_several_batches_mixes_queries(
    database: None, submission: SubmissionFixture
) -> None:
    """Why the door refuses it: each batch has a Query_1, and the merge goes by that name."""
    merged = run(submission, f"-outfmt 5 -dbsize {LETTERS}")
    assert len(list(ET.fromstring(merged).iter("Iteration"))) == 5  # of 20 queries, 5 a batch


def test_jobs_of_shards_have_names_and_labels_of_their_own(
    database: None, submission: SubmissionFixture
) -> None:
    run(submission, "-outfmt 6", batch_len="100000")
    last8 = submission.key[-8:]
    jobs = [
        (job["metadata"]["name"], job["metadata"]["labels"]) for job in submission.jobs("blast")
    ]
    assert sorted((name, labels["db"], labels["shard"]) for name, labels in jobs) == [
        (f"blastn-batch-s{n:02d}-job-000-{last8}", f"s{n:02d}", str(n)) for n in range(SHARDS)
    ]
    assert [job["metadata"]["name"] for job in submission.jobs("setup")] == [
        f"init-ssd-{last8}-{n}" for n in range(SHARDS)
    ]
    names = [
        f"shard_{n:02d}/batch_000-blastn-{DATABASE}_shard_{n:02d}.out.gz" for n in range(SHARDS)
    ]
    assert submission.names("shard_") == names


def test_a_shard_without_a_node_waits_for_ever(
    database: None, submission: SubmissionFixture
) -> None:
    """Why the door refuses more shards than nodes."""
    submission.submit(
        submission.ini(
            db=URL, options="-outfmt 6", db_partitions=str(SHARDS), db_partition_prefix=PREFIX
        )
    )
    until(lambda: submission.end_conditions().count("Complete") == 4)
    assert submission.end_conditions().count(None) == 8


def test_shards_that_do_not_exist_cannot_be_staged(
    database: None, submission: SubmissionFixture
) -> None:
    prefix = PREFIX.replace("3shards", "none")
    result = submission.submit(
        submission.ini(db=URL, options="-outfmt 6", db_partitions="1", db_partition_prefix=prefix)
    )
    assert (result.exit_code, result.answer["category"]) == (8, "transient")


def test_a_shard_is_not_staged_without_a_file_that_is_deleted_meanwhile(
    database: None, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = AccountBlobs.read
    monkeypatch.setattr(
        AccountBlobs, "read", lambda self, url: None if url.endswith(".nsq") else read(self, url)
    )
    with pytest.raises(FileNotFoundError, match="deleted during the download"):
        fetch_shard(AccountBlobs.of(environment), PREFIX, 0, tmp_path / "shard")
    assert not [*tmp_path.iterdir()]


SEARCH = ShardedSearch("blastn", ("-outfmt", "6", "-max_target_seqs", "2"), 2)


def table(*names: str) -> bytes:
    """Rows of query and subject, whose bit score is the number in the subject."""
    cells = [name.split("/") for name in names]
    text = "".join(
        "\t".join([query, subject, *["1"] * 8, f"{100 - int(subject[1:])}e-9", subject[1:]]) + "\n"
        for query, subject in cells
    )
    return gzip.compress(text.encode())


def merged_table(search: ShardedSearch, *files: bytes) -> list[str]:
    text = gzip.decompress(merge(search, files).results).decode()
    return [
        line if line[0] == "#" else "/".join(line.split("\t")[:2]) for line in text.splitlines()
    ]


def test_the_merge_keeps_the_best_rows_of_each_query_in_the_order_of_their_names() -> None:
    lines = merged_table(SEARCH, table("b/s1", "a/s5", "b/s9"), table("b/s7", "a/s5"))
    assert [line for line in lines if not line.startswith("# F")] == [
        *("# BLASTN", "# Query: a", "# Database: merged from 2 shards", "# 2 hits found"),
        *("a/s5", "a/s5"),
        *("# BLASTN", "# Query: b", "# Database: merged from 2 shards", "# 2 hits found"),
        *("b/s9", "b/s7"),
    ]


def test_without_max_target_seqs_500_rows_are_kept() -> None:
    search = replace(SEARCH, options=("-outfmt", "6"))
    rows = [f"a/s{n}" for n in range(400)]
    assert len(merged_table(search, table(*rows), table(*rows))) == 505


def test_columns_are_found_by_their_names() -> None:
    search = replace(SEARCH, options=("-outfmt", "7 evalue qacc bitscore"))
    text = gzip.compress(b"# Fields: evalue, query acc., bit score\n2\ta\t9\n1\ta\t9\n3\ta\t99\n")
    merged = gzip.decompress(merge(search, [text]).results).decode()
    assert "# Fields: evalue, query acc., bit score\n" in merged
    rows = [line for line in merged.splitlines() if line[0] != "#"]
    assert rows == ["1\ta\t9", "2\ta\t9", "3\ta\t99"]


@pytest.mark.parametrize(
    ("outfmt", "text"),
    [
        ("6 qseqid sseqid", b""),
        ("0", b""),
        ("6", b"\xb0"),
        ("5", b"<BlastOutput>"),
        ("5", b"<other/>"),
    ],
)
def test_what_cannot_be_merged_fails(outfmt: str, text: bytes) -> None:
    with pytest.raises(MergeFailed):
        merge(replace(SEARCH, options=("-outfmt", outfmt)), [gzip.compress(text)])
