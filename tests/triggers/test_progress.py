"""Steps of a job, as the dashboard draws them, out of the job's row alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.samples import NOON, job
from triggers.progress import steps

LIFE = (
    Phase.SUBMITTING,
    Phase.SUBMITTED,
    Phase.RUNNING,
    Phase.EXPORTING_RESULTS,
    Phase.COMPLETED,
)


def lived(*phases: Phase, **changes: Any) -> Job:
    """A job that came into one phase each minute."""
    entered = {phase: NOON + timedelta(minutes=n) for n, phase in enumerate(phases, start=1)}
    last = phases[-1] if phases else Phase.QUEUED
    finished = entered[last] if last.is_end else None
    return job(phase=last, entered=entered, finished_at=finished, **changes)


def at(minute: int) -> str:
    return f"2026-11-23T12:{minute:02}:00.000Z"


def test_a_job_that_was_just_accepted_is_prepared() -> None:
    assert steps(lived()) == {"preparing": {"started_at": at(0), "status": "running"}}


def test_a_step_is_over_when_the_next_one_begins() -> None:
    found = steps(lived(*LIFE))
    assert list(found) == [
        *("preparing", "configuring", "submitting"),
        *("running", "exporting_results", "completed"),
    ]
    assert all(step["status"] == "completed" and step["success"] for step in found.values())
    assert (found["running"]["started_at"], found["running"]["completed_at"]) == (at(2), at(4))
    assert found["completed"]["output"]["results_prefix"].endswith(f"/{job().job_id}/")


def test_the_step_that_was_under_way_is_the_one_that_failed() -> None:
    found = steps(lived(*LIFE[:3], Phase.CANCELLING, Phase.SEARCH_FAILED, error="a batch failed"))
    assert list(found)[-1] == "running"
    running = found["running"]
    assert (running["status"], running["success"]) == ("failed", False)
    assert (running["completed_at"], running["error"]) == (at(5), "a batch failed")


def test_a_search_that_waits_for_its_turn_is_being_submitted() -> None:
    found = steps(lived(Phase.SUBMITTING, Phase.WAITING_FOR_SUBMIT_SLOT))
    assert found["submitting"] == {"started_at": at(1), "status": "running"}


def test_an_attempt_begins_anew() -> None:
    again = replace(lived(*LIFE[:3]), phase=Phase.QUEUED, entered={Phase.QUEUED: NOON})
    assert list(steps(again)) == ["preparing"]
