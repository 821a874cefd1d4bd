"""What elastic-blast refuses, with the exit code and the JSON that go with it."""

import dataclasses
import subprocess

import pytest

from local.elastic_blast.blobs import Blobs
from tests.local.elastic_blast.stage import CLEAN, HOST, Stage


def test_a_missing_database_calls_itself_transient(stage: Stage) -> None:
    url = f"{HOST}/blast-db/nothing/nothing"
    said = stage.submit(stage.ini(db=url))
    assert (said.exit_code, said.answer["kind"], said.answer["category"]) == (
        2,
        "error",
        "transient",
    )
    assert said.answer["message"] == f"BLAST database {url} was not found"
    assert 15 <= said.answer["retry_after_seconds"] <= 90
    assert stage.jobs("setup") == []


def test_a_bad_config_ends_with_1_and_no_json(stage: Stage) -> None:
    said = stage.submit(stage.ini(program="megablast", batch_size="5"))
    assert (said.exit_code, said.stdout) == (1, "")
    assert "ERROR: [blast] program has an invalid value: 'megablast'" in said.stderr
    assert "unknown key 'batch-size' in section [blast]" in said.stderr


@pytest.mark.parametrize(
    ("query", "word"),
    [
        (f"{HOST}/queries/none.fa", "does not exist"),
        ("https://elsewhere.blob.core.windows.net/queries/demo.fa", "is no blob of the account"),
        (f"{HOST}/queries/demo.fa?sig=x", "is no blob of the account"),
        ("/etc/hostname", "is no blob of the account"),
    ],
)
def test_a_query_that_cannot_be_read_is_a_bad_argument(stage: Stage, query: str, word: str) -> None:
    said = stage.refusal(stage.ini(queries=query))
    assert (said.exit_code, said.body) == (1, None)
    assert word in said.stderr


def test_a_query_that_is_no_fasta_is_a_bad_argument(stage: Stage) -> None:
    url = f"{HOST}/queries/{stage.key}.fa"
    Blobs.of(stage.world).write(url, b"ACGT\n>late\nACGT\n")
    said = stage.refusal(stage.ini(queries=url))
    assert (said.exit_code, said.body) == (1, None)
    assert said.stderr == "the query does not begin with a '>' line"


def test_more_batches_than_elastic_blast_takes_are_a_bad_argument(stage: Stage) -> None:
    url = f"{HOST}/queries/{stage.key}.fa"
    Blobs.of(stage.world).write(url, b">s\nA\n" * 5001)
    said = stage.refusal(stage.ini(queries=url, batch_len="1"))
    assert (said.exit_code, said.stderr[:12]) == (1, "5001 batches")


def test_a_sharded_database_is_refused_for_good(stage: Stage) -> None:
    said = stage.refusal(stage.ini(db_partitions="4"))
    assert (said.exit_code, said.outcome) == (7, "permanent")
    assert "not offered here" in said.stderr


def test_a_quote_in_the_options_breaks_the_jobs_yaml(stage: Stage) -> None:
    said = stage.refusal(stage.ini(options='-outfmt "6 std"'))
    assert (said.exit_code, said.outcome) == (7, "transient")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("cluster_token", "Failed to get credentials for cluster elb-1: status 401"),
        ("cluster_url", "Error on cluster elb-1: the cluster did not answer"),
    ],
)
def test_a_cluster_that_cannot_be_asked_is_transient(
    stage: Stage, broken: str, message: str
) -> None:
    world = dataclasses.replace(stage.world, **{broken: "http://127.0.0.1:1"})  # type: ignore[arg-type]
    said = dataclasses.replace(stage, world=world).refusal(stage.ini())
    assert (said.exit_code, said.outcome) == (8, "transient")
    assert said.stderr.startswith(message)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--version"], 0, "elastic-blast 0.1.0"),
        (["version"], 0, "elastic-blast 0.1.0"),
        (["--help"], 0, "submit a search"),
        (["status"], 1, "status is not offered here"),
        (["delete"], 1, "delete is not offered here"),
        (["submit"], 1, "required: --cfg, --idempotency-key"),
        (["submit", "--cfg", "x.ini", "--idempotency-key", "a"], 1, "invalid choice: 'x.ini'"),
        (["submit", "--cfg", "-", "--idempotency-key", "no/key"], 1, "is no idempotency key"),
    ],
)
def test_the_command_line(stage: Stage, words: list[str], code: int, expected: str) -> None:
    argv = [str(stage.program), *words]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=CLEAN)
    assert said.returncode == code
    assert expected in said.stdout + said.stderr
    assert stage.calls == ()
