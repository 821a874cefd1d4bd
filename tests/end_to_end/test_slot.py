"""The submit slot: one submission at a time per cluster; waiting jobs can be cancelled."""

from datetime import datetime

import pytest

from tests.end_to_end.conftest import StackFixture

pytestmark = pytest.mark.acceptance


def test_failure_9_a_search_waits_for_the_submit_slot_with_a_reason(system: StackFixture) -> None:
    assert system.cluster.acquire_submit_lease("another-program").is_held
    patient, doomed = system.submit(), system.submit()
    for job_id in (patient, doomed):
        waiting = system.in_phase(job_id, "waiting_for_submit_slot")
        assert (waiting["status"], waiting.get("error_code")) == ("running", None)
        assert "another search is being submitted" in waiting["reason"]
    system.api.cancel(doomed)
    assert system.ended(doomed)["exact_phase"] == "cancelled"
    assert system.submissions(doomed) == 0
    system.cluster.release_submit_lease("another-program")
    late = system.submit()  # finds the slot free, and wakes the job ahead of it
    assert system.ended(patient)["exact_phase"] == "completed"
    assert system.ended(late)["exact_phase"] == "completed"
    assert system.events(patient).count("waiting_for_submit_slot") == 1
    assert submitted_at(system, patient) < submitted_at(system, late)
    assert system.cluster.acquire_submit_lease("third").is_held, "the slot was released"
    system.cluster.release_submit_lease("third")


def submitted_at(system: StackFixture, job_id: str) -> datetime:
    (event,) = [event for event in system.api.events(job_id) if event["event"] == "submitted"]
    return datetime.fromisoformat(event["timestamp"])
