import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.queries import DEMO_FASTA, DEMO_OPTIONS, demo_queries
from local.elastic_blast import Environment
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.databases import upload_database
from tests.local.elastic_blast.submission_fixture import (
    HOST,
    ONE_BATCH,
    SubmissionFixture,
    new_submission,
)

PROTEINS = """>one
MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV
>two
MSSHLVEPPPPLHNNNNNCEENEQSLPPPAGLNSSWVELPMNSSNGNDNGNGKNGGLEHVPSSSSIHNGD
>three
MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLAGAEKAVQVKVKTLPDAQFEVV
"""


def run_blastn(program: str, fasta: Path, kind: str, queries: str, options: list[str]) -> str:
    """The rows of one plain search of all queries, over a database made beside `fasta`."""
    make = ["makeblastdb", "-in", fasta.name, "-dbtype", kind, "-parse_seqids", "-out", "reference"]
    subprocess.run(make, cwd=fasta.parent, check=True, capture_output=True)
    search = [program, "-db", "reference", *options]
    done = subprocess.run(search, cwd=fasta.parent, input=queries, check=True, stdout=-1, text=True)
    return done.stdout


def container(job: dict[str, Any], name: str) -> dict[str, Any]:
    spec = job["spec"]["template"]["spec"]
    both = [*spec.get("initContainers", []), *spec["containers"]]
    return next(item for item in both if item["name"] == name)


@pytest.fixture(scope="module")
def finished(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SubmissionFixture]:
    """The demo's search, submitted once and completed."""
    with new_submission(tmp_path_factory.mktemp("finished"), environment) as submission:
        result = submission.submit()
        assert (result.exit_code, result.answer["decision"]) == (0, "accepted")
        submission.wait_for_marker()
        yield submission


def test_batches_give_the_rows_of_one_plain_search(
    finished: SubmissionFixture, tmp_path: Path
) -> None:
    assert finished.names("batch_") == [f"batch_{n:03d}-blastn-orchid_its.out.gz" for n in range(4)]
    fasta = tmp_path / "orchids.fa"
    fasta.write_text(DEMO_FASTA.read_text())
    rows = run_blastn("blastn", fasta, "nucl", demo_queries(), DEMO_OPTIONS.split())
    assert rows.count("\n") > 400
    assert finished.rows() == rows


def test_the_results_folder_has_queries_and_metadata(finished: SubmissionFixture) -> None:
    queries = [finished.blob(name) or b"" for name in finished.names("query_batches/")]
    assert finished.names("query_batches/") == [f"query_batches/batch_{n:03d}.fa" for n in range(4)]
    assert b"".join(queries).decode() == demo_queries()
    assert finished.blob("metadata/num_jobs_submitted.txt") == b"4"
    lines = demo_queries().splitlines()
    residues = sum(len(line) for line in lines if line[0] != ">")
    assert int(finished.blob("metadata/query_length.txt") or 0) == residues
    used = json.loads(finished.blob("metadata/elastic-blast-config.json") or b"")
    assert used["azure"]["elb-job-id"] == finished.key
    assert used["azure"]["storage-account"] == finished.environment.account
    assert finished.environment.account_key not in json.dumps(used)


def test_jobs_are_named_and_labelled_as_the_control_plane_expects(
    finished: SubmissionFixture,
) -> None:
    last8 = finished.key[-8:]
    names = {
        app: [j["metadata"]["name"] for j in finished.jobs(app)] for app in ("setup", "submit")
    }
    assert names == {"setup": [f"init-ssd-{last8}-0"], "submit": []}
    [blast, *others], [finalizer] = finished.jobs("blast"), finished.jobs("finalizer")
    named = [job["metadata"]["name"] for job in (blast, *others)]
    assert named == [f"blastn-batch-orchid-its-job-{n:03d}-{last8}" for n in range(4)]
    assert finalizer["metadata"]["name"] == f"elb-finalizer-{last8}"
    labels = {"app": "blast", "elb-job-id": finished.key, "db": "orchid_its"}
    assert labels.items() <= blast["metadata"]["labels"].items()
    assert labels.items() <= blast["spec"]["template"]["metadata"]["labels"].items()
    limits = [(job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"])
              for job in (blast, finalizer)]  # fmt: skip
    assert limits == [(3, 1800), (0, 1800)]
    for item in (container(blast, "blast"), container(finalizer, "finalizer")):
        assert {"name": "BLAST_ELB_JOB_ID", "value": finished.key} in item["env"]
    assert container(blast, "results-export")
    assert container(blast, "import-query-batches")


@pytest.mark.acceptance
def test_a_protein_search_with_custom_columns(
    submission: SubmissionFixture, tmp_path: Path
) -> None:
    fasta = tmp_path / "proteins.fa"
    fasta.write_text(PROTEINS)
    url = upload_database(fasta, "tiny", submission.environment, "prot")
    AccountBlobs.of(submission.environment).write(f"{HOST}/queries/proteins.fa", PROTEINS.encode())
    columns = "6 qseqid sseqid pident evalue"
    changes = {"program": "blastp", "db": url, "queries": f"{HOST}/queries/proteins.fa"}
    submission.submit(submission.ini(**changes, options=f"-outfmt {columns}", batch_len="140"))
    submission.wait_for_marker()
    assert submission.names("batch_") == [
        "batch_000-blastp-tiny.out.gz",
        "batch_001-blastp-tiny.out.gz",
    ]
    assert submission.rows() == run_blastn("blastp", fasta, "prot", PROTEINS, ["-outfmt", columns])


@pytest.mark.acceptance
def test_without_the_direct_setting_a_submit_job_creates_the_blast_jobs(
    submission: SubmissionFixture,
) -> None:
    assert submission.submit(submission.ini(**ONE_BATCH), env={}).answer["decision"] == "accepted"
    [submit] = submission.jobs("submit")
    assert submit["metadata"]["name"] == f"submit-jobs-{submission.key[-8:]}"
    submission.wait_for_marker()
    assert submission.names("batch_") == ["batch_000-blastn-orchid_its.out.gz"]
    assert submission.end_conditions("submit") == ["Complete"]


def test_a_database_is_downloaded_once(finished: SubmissionFixture) -> None:
    cache = finished.environment.cache
    assert len(list(cache.glob("orchid_its-*"))) == 1
    assert list(cache.glob("partial-*")) == []
