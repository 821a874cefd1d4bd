"""Failure 42: rows that another version of the app wrote."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs.rows import job_from_row, job_row, list_row
from tests.support.samples import job

RUNNING = job(
    phase=Phase.RUNNING,
    stage=Stage.WATCH,
    retry_counts={Category.CAPACITY: 2},
    decision=Decision(Stage.WATCH, retry_counts={Category.CAPACITY: 2}),
)
UNKNOWN = {
    "stage": "verify",
    "decision_json": json.dumps({"next_stage": "verify"}),
    "retry_counts_json": json.dumps({"quota": 1}),
    "phase": "verifying",
}
"""By column: a value that this version does not know."""


@pytest.mark.parametrize("column", UNKNOWN)
def test_failure_42_what_a_newer_version_wrote_is_unavailable_and_no_bug(column: str) -> None:
    row = {**job_row(RUNNING), column: UNKNOWN[column]}
    with pytest.raises(Unavailable, match="cannot be read by this version of the app") as raised:
        job_from_row(row)
    assert raised.value.code == "row_unreadable"
    assert RUNNING.job_id in str(raised.value)


def test_failure_42_a_list_row_has_nothing_that_only_its_own_version_knows() -> None:
    """One job in a new stage must not cost the whole list."""
    workflow = {"stage", "decision_json", "retry_counts_json"}
    row = list_row(RUNNING)
    assert {name: row[name] for name in workflow} == {
        name: list_row(job(phase=Phase.RUNNING))[name] for name in workflow
    }
    assert job_from_row(row) == replace(RUNNING, stage=None, decision=None, retry_counts={})


def test_failure_42_a_row_of_an_earlier_version_has_the_defaults_of_new_fields() -> None:
    optional: dict[str, Any] = {"left_on_cluster": None, "phase_entered_at_json": None}
    row = {name: value for name, value in job_row(RUNNING).items() if name not in optional}
    assert job_from_row(row) == RUNNING


def test_failure_42_columns_and_fields_of_a_newer_version_are_ignored() -> None:
    row = job_row(RUNNING) | {"checksum": "abc"}
    decision = json.loads(row["decision_json"]) | {"priority": 1}
    search = json.loads(row["search_json"]) | {"note": "new"}
    row |= {"decision_json": json.dumps(decision), "search_json": json.dumps(search)}
    assert job_from_row(row) == RUNNING
