import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.queries import DEMO_FASTA, DEMO_OPTIONS, demo_queries
from local.elastic_blast import Environment
from local.elastic_blast.blobs import Blobs
from local.elastic_blast.databases import upload_database
from tests.local.elastic_blast.stage import HOST, ONE_BATCH, Stage, new_stage

PROTEINS = """>one
MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV
>two
MSSHLVEPPPPLHNNNNNCEENEQSLPPPAGLNSSWVELPMNSSNGNDNGNGKNGGLEHVPSSSSIHNGD
>three
MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLAGAEKAVQVKVKTLPDAQFEVV
"""


def run_blastn(program: str, fasta: Path, kind: str, queries: str, options: list[str]) -> str:
    """The rows of one search of all queries, in a database made for it beside `fasta`."""
    make = ["makeblastdb", "-in", fasta.name, "-dbtype", kind, "-parse_seqids", "-out", "byhand"]
    subprocess.run(make, cwd=fasta.parent, check=True, capture_output=True)
    search = [program, "-db", "byhand", *options]
    done = subprocess.run(search, cwd=fasta.parent, input=queries, check=True, stdout=-1, text=True)
    return done.stdout


def container(job: dict[str, Any], name: str) -> dict[str, Any]:
    spec = job["spec"]["template"]["spec"]
    both = [*spec.get("initContainers", []), *spec["containers"]]
    return next(its for its in both if its["name"] == name)


@pytest.fixture(scope="module")
def finished(world: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The demo's search, submitted once and run to its end."""
    with new_stage(tmp_path_factory.mktemp("finished"), world) as stage:
        said = stage.submit()
        assert (said.exit_code, said.answer["decision"]) == (0, "accepted")
        stage.wait_for_marker()
        yield stage


def test_batches_give_the_rows_of_one_search_by_hand(finished: Stage, tmp_path: Path) -> None:
    assert finished.names("batch_") == [f"batch_{n:03d}-blastn-orchid_its.out.gz" for n in range(4)]
    fasta = tmp_path / "orchids.fa"
    fasta.write_text(DEMO_FASTA.read_text())
    rows = run_blastn("blastn", fasta, "nucl", demo_queries(), DEMO_OPTIONS.split())
    assert rows.count("\n") > 400
    assert finished.rows() == rows


def test_the_results_folder_holds_queries_and_facts(finished: Stage) -> None:
    queries = [finished.blob(name) or b"" for name in finished.names("query_batches/")]
    assert finished.names("query_batches/") == [f"query_batches/batch_{n:03d}.fa" for n in range(4)]
    assert b"".join(queries).decode() == demo_queries()
    assert finished.blob("metadata/num_jobs_submitted.txt") == b"4"
    lines = demo_queries().splitlines()
    residues = sum(len(line) for line in lines if line[0] != ">")
    assert int(finished.blob("metadata/query_length.txt") or 0) == residues
    used = json.loads(finished.blob("metadata/elastic-blast-config.json") or b"")
    assert used["azure"]["elb-job-id"] == finished.key
    assert used["azure"]["storage-account"] == finished.world.account
    assert finished.world.account_key not in json.dumps(used)


def test_jobs_are_named_and_labelled_as_the_control_plane_expects(finished: Stage) -> None:
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
    for its in (container(blast, "blast"), container(finalizer, "finalizer")):
        assert {"name": "BLAST_ELB_JOB_ID", "value": finished.key} in its["env"]
    assert container(blast, "results-export")
    assert container(blast, "import-query-batches")


def test_a_protein_search_with_columns_of_its_own(stage: Stage, tmp_path: Path) -> None:
    fasta = tmp_path / "proteins.fa"
    fasta.write_text(PROTEINS)
    url = upload_database(fasta, "tiny", stage.world, "prot")
    Blobs.of(stage.world).write(f"{HOST}/queries/proteins.fa", PROTEINS.encode())
    columns = "6 qseqid sseqid pident evalue"
    its = {"program": "blastp", "db": url, "queries": f"{HOST}/queries/proteins.fa"}
    stage.submit(stage.ini(**its, options=f"-outfmt {columns}", batch_len="140"))
    stage.wait_for_marker()
    assert stage.names("batch_") == ["batch_000-blastp-tiny.out.gz", "batch_001-blastp-tiny.out.gz"]
    assert stage.rows() == run_blastn("blastp", fasta, "prot", PROTEINS, ["-outfmt", columns])


def test_a_submit_job_creates_the_blast_jobs_unless_told_otherwise(stage: Stage) -> None:
    assert stage.submit(stage.ini(**ONE_BATCH), env={}).answer["decision"] == "accepted"
    [submit] = stage.jobs("submit")
    assert submit["metadata"]["name"] == f"submit-jobs-{stage.key[-8:]}"
    stage.wait_for_marker()
    assert stage.names("batch_") == ["batch_000-blastn-orchid_its.out.gz"]
    assert stage.ends("submit") == ["Complete"]


def test_a_database_is_fetched_once_for_all_batches_and_searches(finished: Stage) -> None:
    cache = finished.world.cache
    assert len(list(cache.glob("orchid_its-*"))) == 1
    assert list(cache.glob("partial-*")) == []
