"""Batches, names, option tokens, and the record of calls."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.queries import DEMO_BATCH_LEN, demo_queries
from local.elastic_blast import calls
from local.elastic_blast.fasta import EmptyQuery, records, split
from local.elastic_blast.fault_rules import (
    FaultRule,
    JobFaultRule,
    read_fault_rules,
    write_fault_rules,
)
from local.elastic_blast.plan import Plan, arguments

PLAN = Plan(
    elb_job_id="job-0123456789abcdef",
    cluster_name="elb-1",
    program="tblastn",
    options=("-outfmt", "6 std"),
    database_url="https://a.blob.core.windows.net/blast-db/custom/My_Db.v2",
    database_folder="/cache/db",
    results_url="https://a.blob.core.windows.net/results/run",
    batches=2,
    mem_request="1G",
    mem_limit="4G",
    setup_minutes=45,
    search_minutes=1440,
    fault_rule=JobFaultRule(batches=(1,), markers=("FAILURE",)),
)


def test_the_demo_makes_four_batches_of_five() -> None:
    batches = split(demo_queries(), DEMO_BATCH_LEN)
    assert [len(list(records(batch.text))) for batch in batches] == [5, 5, 5, 5]


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 80))
def test_batches_keep_every_sequence_whole_and_in_order(sizes: list[int], batch_len: int) -> None:
    text = "".join(f">s{n} > one\n{'A' * size}\n" for n, size in enumerate(sizes))
    batches = split(text, batch_len)
    assert "".join(b.text for b in batches).replace("\n\n", "\n") == text.replace("\n\n", "\n")
    assert sum(b.residues for b in batches) == sum(sizes)
    assert all(b.residues <= batch_len or len(list(records(b.text))) == 1 for b in batches)


def test_a_batch_is_closed_only_when_the_next_sequence_does_not_fit() -> None:
    text = ">a\nAAAA\n>b\nAA\nAA\n>c\nA\n>d\nAAAAAAAAAAAA\n>e\nA\n"
    assert [batch.residues for batch in split(text, 8)] == [8, 1, 12, 1]


def test_a_query_without_lines_is_refused() -> None:
    with pytest.raises(EmptyQuery):
        split("", 100)


def test_failure_56_lines_before_the_first_header_can_become_a_batch() -> None:
    """As elastic-blast does; so the control plane stores no query with such lines."""
    assert [batch.text for batch in split(";c\n>a\nACGT\n", 4)] == [";c\n", ">a\nACGT\n"]
    assert [batch.text for batch in split("\n>a\nACGT", 4)] == ["\n>a\nACGT\n"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_in_a_file_that_python_reads_as_text(end: str) -> None:
    text = end.join([">a\x0b\x85\u2028", "AC", ">b", "GT"])
    assert [batch.text for batch in split(text, 2)] == [">a\x0b\x85\u2028\nAC\n", ">b\nGT\n"]


def test_names_contain_the_last_eight_characters_of_the_id() -> None:
    assert PLAN.setup_name(0) == "init-ssd-89abcdef-0"
    assert PLAN.submit_name == "submit-jobs-89abcdef"
    assert PLAN.finalizer_name == "elb-finalizer-89abcdef"
    assert PLAN.blast_name(7) == "tblastn-batch-my-db.v2-job-007-89abcdef"


def test_a_long_database_name_is_not_cut() -> None:
    """Kubernetes refuses such a Job, as the one of the real elastic-blast."""
    long = dataclasses.replace(PLAN, database_url="https://h/blast-db/x/" + "n" * 80)
    assert long.blast_name(1234) == f"tblastn-batch-{'n' * 80}-job-1234-89abcdef"


def test_names_of_a_shard() -> None:
    root = "https://a.blob.core.windows.net/results/run/job-0123456789abcdef/shard_03"
    prefix = "https://a.blob.core.windows.net/blast-db/4shards/My_Db_shard_"
    plan = dataclasses.replace(PLAN, partition_prefix=prefix, shard_folders=("a", "b", "c", "d"))
    assert (plan.blast_jobs, list(plan.shards)) == (8, [0, 1, 2, 3])
    assert plan.searched(3) == "My_Db_shard_03"
    assert plan.blast_name(7, 3) == "tblastn-batch-s03-job-007-89abcdef"
    assert plan.result_url(1, 3) == f"{root}/batch_001-tblastn-My_Db_shard_03.out.gz"
    assert plan.failure_url(3) == f"{root}/metadata/FAILURE.txt"


def test_results_are_in_the_jobs_own_folder() -> None:
    root = "https://a.blob.core.windows.net/results/run/job-0123456789abcdef"
    assert PLAN.query_url(3) == f"{root}/query_batches/batch_003.fa"
    assert PLAN.result_url(3) == f"{root}/batch_003-tblastn-My_Db.v2.out.gz"
    assert PLAN.metadata_url("SUCCESS.txt") == f"{root}/metadata/SUCCESS.txt"


def test_a_plan_round_trips_through_json() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ()),
        ("-outfmt 7", ("-outfmt", "7")),
        ("-outfmt 6 qseqid sseqid -ungapped", ("-outfmt", "6 qseqid sseqid", "-ungapped")),
        ("-penalty -3 -evalue 1e-5", ("-penalty", "-3", "-evalue", "1e-5")),
    ],
)
def test_columns_stay_with_their_outfmt_number(options: str, expected: tuple[str, ...]) -> None:
    assert arguments(options) == expected


def test_calls_are_numbered_per_key(tmp_path: Path) -> None:
    record, now = tmp_path / "calls.jsonl", datetime(2026, 1, 1, tzinfo=UTC)
    first, other, second = (calls.begin(record, key, now) for key in ("a", "b", "a"))
    assert [first.number, other.number, second.number] == [1, 1, 2]
    calls.end(record, second, "accepted", 0)
    assert [call.outcome for call in calls.read_calls(record, "a")] == [None, "accepted"]
    assert calls.read_calls(record)[1].time == "2026-01-01T00:00:00+00:00"


def test_a_missing_record_has_no_calls(tmp_path: Path) -> None:
    assert calls.read_calls(tmp_path / "calls.jsonl") == ()


def test_rules_round_trip_through_their_file(tmp_path: Path) -> None:
    rules = (FaultRule(key="job-", answer={"decision": "queued"}), FaultRule(jobs=PLAN.fault_rule))
    write_fault_rules(tmp_path / "rules.json", *rules)
    assert read_fault_rules(tmp_path / "rules.json") == rules
