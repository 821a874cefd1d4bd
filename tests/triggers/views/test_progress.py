"""The steps of a job, derived from its row."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from tests.support.samples import NOON, job
from triggers.views import progress

PHASES = (
    Phase.SUBMITTING,
    Phase.SUBMITTED,
    Phase.RUNNING,
    Phase.EXPORTING_RESULTS,
    Phase.COMPLETED,
)


def job_with_phases(*phases: Phase, **changes: Any) -> Job:
    """A job that entered one phase per minute."""
    entered = {phase: NOON + timedelta(minutes=n) for n, phase in enumerate(phases, start=1)}
    last = phases[-1] if phases else Phase.QUEUED
    finished = entered[last] if last.is_end else None
    return job(phase=last, phase_entered_at=entered, finished_at=finished, **changes)


def steps(job: Job) -> dict[str, Any]:
    """The steps of a job as JSON."""
    return {name: step.to_json() for name, step in progress.steps(job).items()}


def at(minute: int) -> str:
    return f"2026-11-23T12:{minute:02}:00.000Z"


def test_an_accepted_job_is_in_the_step_preparing() -> None:
    assert steps(job_with_phases()) == {"preparing": {"started_at": at(0), "status": "running"}}


def test_a_step_ends_when_the_next_one_starts() -> None:
    result = steps(job_with_phases(*PHASES))
    assert list(result) == [
        *("preparing", "configuring", "submitting"),
        *("running", "exporting_results", "completed"),
    ]
    assert all(step["status"] == "completed" and step["success"] for step in result.values())
    assert (result["running"]["started_at"], result["running"]["completed_at"]) == (at(2), at(4))
    facts = result["completed"]["facts"]
    assert facts["results_prefix"].endswith(f"/{job().job_id}/")
    assert result["completed"]["output"] == f"results: {facts['results_prefix']}"


def test_failure_58_a_steps_output_is_text_and_its_facts_are_values() -> None:
    """The dashboard calls `trim()` on each output, so an object breaks its job page."""
    counts = Counts(expected=4, succeeded=3, failed=1)
    result = steps(job_with_phases(*PHASES, counts=counts, config_blob="https://x/a.ini"))
    outputs = {name: step["output"] for name, step in result.items() if "output" in step}
    assert set(outputs) == {"configuring", "running", "completed"}
    assert all(isinstance(text, str) and text for text in outputs.values())
    assert result["running"]["output"] == "3 of 4 batches done, 1 failed"
    assert result["running"]["facts"] == {"total": 4, "succeeded": 3, "failed": 1}
    assert result["configuring"]["facts"] == {"config_blob": "https://x/a.ini"}


def test_the_last_step_of_a_failed_job_has_failed() -> None:
    result = steps(
        job_with_phases(*PHASES[:3], Phase.CANCELLING, Phase.SEARCH_FAILED, error="a batch failed")
    )
    assert list(result)[-1] == "running"
    running = result["running"]
    assert (running["status"], running["success"]) == ("failed", False)
    assert (running["completed_at"], running["error"]) == (at(5), "a batch failed")


def test_a_search_in_the_submit_queue_is_in_the_step_submitting() -> None:
    result = steps(job_with_phases(Phase.SUBMITTING, Phase.WAITING_FOR_SUBMIT_SLOT))
    assert result["submitting"] == {"started_at": at(1), "status": "running"}


def test_a_new_attempt_has_new_steps() -> None:
    again = replace(
        job_with_phases(*PHASES[:3]), phase=Phase.QUEUED, phase_entered_at={Phase.QUEUED: NOON}
    )
    assert list(steps(again)) == ["preparing"]
