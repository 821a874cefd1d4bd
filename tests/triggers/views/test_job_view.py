"""The summary of a job."""

import json
from typing import Any

import pytest

from shared.contracts.job import Counts, Job
from shared.contracts.states import LeftOnCluster, Phase, Status
from tests.support.samples import job, search
from triggers.schemas.jobs import Summary
from triggers.views import batch_view, job_view


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


def test_a_job_names_the_other_cluster_on_which_something_may_be_left() -> None:
    other = "the cluster stray in the resource group rg-x"
    done = job(phase=Phase.COMPLETED, left_on_cluster=LeftOnCluster.UNKNOWN, other_cluster=other)
    assert summary(done)["other_cluster"] == other
    assert "other_cluster" not in summary(job())


@pytest.mark.parametrize(
    ("phase", "done", "listed", "shown"),
    [
        # queued, completed, failed, cancelled, deleted
        (Phase.RUNNING, Counts(3, 1), {Status.COMPLETED: 1}, (2, 1, 0, 0, 0)),
        (Phase.COMPLETED, Counts(3, 3), {Status.COMPLETED: 1}, (0, 1, 0, 0, 2)),
        (Phase.CANCELLED, Counts(3), {Status.CANCELLED: 1}, (0, 0, 0, 3, 0)),
        (Phase.CANCELLED, Counts(3, 1), {Status.CANCELLED: 1}, (0, 0, 0, 2, 1)),
        (Phase.SEARCH_FAILED, Counts(3, 1, 2), {Status.FAILED: 1}, (0, 0, 1, 0, 2)),
        # A failed search was retried, and has completed since; another was purged.
        (Phase.SEARCH_FAILED, Counts(3, 2, 1), {Status.COMPLETED: 2}, (0, 2, 0, 0, 1)),
    ],
)
def test_searches_without_a_row_are_queued_cancelled_or_deleted(
    phase: Phase, done: Counts, listed: dict[Status, int], shown: tuple[int, ...]
) -> None:
    view = batch_view.children(job(phase=phase, child_count=3, counts=done), listed)
    assert (view.queued, view.completed, view.failed, view.cancelled, view.deleted) == shown


def test_a_summary_matches_its_model() -> None:
    shown = summary(job(search=search(options="-evalue 0.01 -outfmt 6 qseqid")))
    read = Summary.model_validate_json(json.dumps(shown))
    assert read.config_snapshot.evalue == 0.01
