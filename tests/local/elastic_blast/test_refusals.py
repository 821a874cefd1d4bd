"""The stand-in refuses what elastic-blast, BLAST+ and Kubernetes refuse: no door may let it in."""

from dataclasses import replace
from typing import Any

import pytest

from local.demo.queries import DEMO_FASTA
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.config import InvalidConfig, parse_config
from local.elastic_blast.databases import upload_database
from local.elastic_blast.plan import arguments
from tests.local.elastic_blast.submission_fixture import HOST, ONE_BATCH, SubmissionFixture

INI = """\
[cloud-provider]
azure-region = koreacentral
azure-storage-account = stgelb
[cluster]
name = elb-1
{cluster}
[blast]
program = blastn
db = https://stgelb.blob.core.windows.net/blast-db/nt/nt
queries = https://stgelb.blob.core.windows.net/queries/q.fa
results = https://stgelb.blob.core.windows.net/results
{blast}
"""


def faults(cluster: str = "", blast: str = "", is_patched: bool = True) -> str:
    try:
        parse_config(INI.format(cluster=cluster, blast=blast), {}, is_patched)
    except InvalidConfig as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"cluster": "machine-type = Standard_D4s_v5"}, "Cannot get properties"),
        ({"cluster": "machine-type = Standard_D8s_v3\nnum-cpus = 9"}, "number of CPUs"),
        ({"blast": "mem-limit = 0G"}, "larger than zero"),
        ({"blast": "mem-request = 0M"}, "larger than zero"),
        ({"blast": "mem-limit = 127G\nmem-request = 1G"}, ""),
        ({"blast": "mem-limit = 126Gi"}, ""),
        ({"blast": "mem-limit = 127Gi"}, "exceeds memory available"),
        ({"blast": "options = -remote"}, "not supported in ElasticBLAST"),
        ({"blast": "options = -evalue '1"}, "Incorrect BLAST options"),
        ({"blast": "db-partitions = 2\noptions = -outfmt 5"}, "db-partition-prefix"),
    ],
)
def test_a_config_that_elastic_blast_refuses(keys: dict[str, Any], words: str) -> None:
    assert words in faults(**keys)
    assert bool(words) == bool(faults(**keys))


@pytest.mark.parametrize(
    ("options", "patched", "original"),
    [
        ("-outfmt 5", True, True),
        ("-outfmt 6", True, True),
        ("-outfmt 6 std staxids", True, True),
        ("-outfmt 7", True, False),
        ("-outfmt 0", False, False),
        ("-evalue 1", False, False),
    ],
)
def test_formats_of_shards_depend_on_the_build(options: str, patched: bool, original: bool) -> None:
    blast = f"db-partitions = 2\ndb-partition-prefix = https://h/p_\noptions = {options}"
    assert bool(faults(blast=blast)) is not patched
    assert bool(faults(blast=blast, is_patched=False)) is not original


def test_the_original_splits_columns_from_their_format() -> None:
    options = "-outfmt 6 std staxids -evalue 1"
    assert arguments(options) == ("-outfmt", "6 std staxids", "-evalue", "1")
    assert arguments(options, is_patched=False) == tuple(options.split())


FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({"is_patched": False}, "-outfmt 6 std staxids", "Too many positional arguments"),
    ({}, "-outfmt 6 -evalue 1 -evalue 2", "defined already: evalue"),
    ({}, "-outfmt 6 -num_threads 2", "defined already: num_threads"),
]


@pytest.mark.parametrize(
    ("build", "options", "words"), FAILURES, ids=["columns", "duplicate", "threads"]
)
def test_arguments_that_blast_refuses_fail_the_search_with_its_sentence(
    submission: SubmissionFixture, build: dict[str, Any], options: str, words: str
) -> None:
    environment = replace(submission.environment, **build)
    other = replace(submission, environment=environment)
    other.submit_in_process(submission.ini(options=options, **ONE_BATCH))
    submission.wait_for_marker("FAILURE")
    assert words in (submission.blob("metadata/FAILURE.txt") or b"").decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mem_request": "4G", "mem_limit": "1G"}, "must be less than or equal to memory limit"),
        ({"mem_request": "1g", "mem_limit": "2g"}, "not a quantity"),
    ],
    ids=["request above limit", "small letter"],
)
def test_a_job_that_kubernetes_refuses_ends_the_submission(
    submission: SubmissionFixture, changes: dict[str, str], words: str
) -> None:
    result = submission.submit_in_process(submission.ini(**changes))
    assert result.exit_code == 7
    assert result.stderr.startswith('kubectl failed: The Job "blastn-batch-orchid-its-job-000-')
    assert " is invalid: " in result.stderr
    assert words in result.stderr


def test_a_job_name_of_64_characters_is_refused_by_the_cluster(
    submission: SubmissionFixture,
) -> None:
    """Failure 53: the stand-in does not shorten names, so that the cluster has to refuse them."""
    url = upload_database(DEMO_FASTA, "n" * 34, submission.environment)
    result = submission.submit_in_process(submission.ini(db=url))
    assert result.exit_code == 7
    assert "must be no more than 63 characters" in result.stderr


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("q.fa", b">a\n" + b"A" * 20_000_000, "split in the cloud"),
        ("q.query-list", b">a\nACGT\n", "a list of paths"),
        ("q.tar", b">a\nACGT\n", "an archive"),
        ("q.fa.gz", b">a\nACGT\n", "no gzip"),
    ],
    ids=["large", "list", "archive", "gzip"],
)
def test_a_query_is_read_by_its_name_and_size(
    submission: SubmissionFixture, name: str, data: bytes, words: str
) -> None:
    url = f"{HOST}/queries/{submission.key}/{name}"
    AccountBlobs.of(submission.environment).write(url, data)
    result = submission.submit_in_process(submission.ini(queries=url))
    assert (result.exit_code, result.body) == (1, None)
    assert words in result.stderr
