"""Refused submissions: exit codes and JSON."""

import dataclasses
import subprocess

import pytest

from local.elastic_blast.blobs import AccountBlobs
from tests.local.elastic_blast.submission_fixture import CLEAN, HOST, SubmissionFixture


def test_a_missing_database_is_a_transient_error(submission: SubmissionFixture) -> None:
    url = f"{HOST}/blast-db/nothing/nothing"
    result = submission.submit(submission.ini(db=url))
    assert (result.exit_code, result.answer["kind"], result.answer["category"]) == (
        2,
        "error",
        "transient",
    )
    assert result.answer["message"] == f"BLAST database {url} was not found"
    assert 15 <= result.answer["retry_after_seconds"] <= 90
    assert submission.jobs("setup") == []


def test_an_invalid_config_exits_with_1_without_json(submission: SubmissionFixture) -> None:
    result = submission.submit(submission.ini(program="megablast", batch_size="5"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "ERROR: [blast] program has an invalid value: 'megablast'" in result.stderr
    assert "unknown key 'batch-size' in section [blast]" in result.stderr


@pytest.mark.parametrize(
    ("query", "word"),
    [
        (f"{HOST}/queries/none.fa", "does not exist"),
        ("https://elsewhere.blob.core.windows.net/queries/demo.fa", "is not a blob of the account"),
        (f"{HOST}/queries/demo.fa?sig=x", "is not a blob of the account"),
        ("/etc/hostname", "is not a blob of the account"),
    ],
)
def test_an_unreadable_query_is_a_usage_error(
    submission: SubmissionFixture, query: str, word: str
) -> None:
    result = submission.submit_in_process(submission.ini(queries=query))
    assert (result.exit_code, result.body) == (1, None)
    assert word in result.stderr


def test_an_empty_query_is_a_usage_error(submission: SubmissionFixture) -> None:
    url = f"{HOST}/queries/{submission.key}.fa"
    AccountBlobs.of(submission.environment).write(url, b"")
    result = submission.submit_in_process(submission.ini(queries=url))
    assert (result.exit_code, result.body) == (1, None)
    assert result.stderr == "the query has no line"


def test_too_many_batches_are_a_usage_error(submission: SubmissionFixture) -> None:
    url = f"{HOST}/queries/{submission.key}.fa"
    AccountBlobs.of(submission.environment).write(url, b">s\nA\n" * 5001)
    result = submission.submit_in_process(submission.ini(queries=url, batch_len="1"))
    assert (result.exit_code, result.stderr[:12]) == (1, "5001 batches")


def test_a_quote_in_the_options_breaks_the_jobs_yaml(submission: SubmissionFixture) -> None:
    result = submission.submit_in_process(submission.ini(options='-outfmt "6 std"'))
    assert (result.exit_code, result.outcome) == (7, "transient")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("cluster_token", "Failed to get credentials for cluster elb-1: status 401"),
        ("cluster_url", "Error on cluster elb-1: the cluster did not answer"),
    ],
)
def test_an_unavailable_cluster_is_a_transient_error(
    submission: SubmissionFixture, broken: str, message: str
) -> None:
    environment = dataclasses.replace(submission.environment, **{broken: "http://127.0.0.1:1"})  # type: ignore[arg-type]
    result = dataclasses.replace(submission, environment=environment).submit_in_process(
        submission.ini()
    )
    assert (result.exit_code, result.outcome) == (8, "transient")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--version"], 0, "elastic-blast 0.1.0"),
        (["version"], 0, "elastic-blast 0.1.0"),
        (["--help"], 0, "submit a search"),
        (["status"], 1, "status is not offered here"),
        (["delete"], 1, "delete is not offered here"),
        (["submit"], 1, "required: --cfg, --idempotency-key"),
        (["submit", "--cfg", "x.ini", "--idempotency-key", "a"], 1, "invalid choice: 'x.ini'"),
        (["submit", "--cfg", "-", "--idempotency-key", "no/key"], 1, "is invalid"),
    ],
)
def test_the_command_line(
    submission: SubmissionFixture, arguments: list[str], code: int, expected: str
) -> None:
    argv = [str(submission.program), *arguments]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=CLEAN)
    assert result.returncode == code
    assert expected in result.stdout + result.stderr
    assert submission.calls == ()
