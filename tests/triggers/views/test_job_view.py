"""The summary of a job."""

import json
from typing import Any

import pytest

from shared.contracts.job import Job
from tests.support.samples import job, search
from triggers.schemas.jobs import Summary
from triggers.views import job_view


def summary(job: Job) -> dict[str, Any]:
    """The summary of a job as JSON."""
    return job_view.summary(job).to_json()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("-evalue 0.01 -max_target_seqs 50 -outfmt 7", (0.01, 50, 7)),
        ("-evalue 1e-30 -outfmt 6 qseqid sseqid", (1e-30, None, "6 qseqid sseqid")),
        ("-evalue 10", (10, None, None)),
        ("-evalue 1e999", ("1e999", None, None)),
        ("", (None, None, None)),
    ],
)
def test_numeric_options_are_json_numbers(options: str, shown: tuple[Any, ...]) -> None:
    config = summary(job(search=search(options=options)))["config_snapshot"]
    assert (config["evalue"], config["max_target_seqs"], config["outfmt"]) == shown
    assert not isinstance(config["outfmt"], float)
    assert config["num_nodes"] == 2


def test_only_a_clients_correlation_id_is_in_the_summary() -> None:
    given, own, batch = job(1), job(2).job_id, job(3).job_id
    assert summary(given)["external_correlation_id"] == "caller-1"
    for drawn in (own, batch):
        one = job(2, correlation_id=drawn, parent_job_id=batch)
        assert "external_correlation_id" not in summary(one)


def test_a_summary_matches_its_model() -> None:
    shown = summary(job(search=search(options="-evalue 0.01 -outfmt 6 qseqid")))
    read = Summary.model_validate_json(json.dumps(shown))
    assert read.config_snapshot.evalue == 0.01
