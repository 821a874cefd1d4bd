"""One search at a time is submitted to a cluster; the others wait, say so, and can be stopped."""

from datetime import datetime

from tests.end_to_end.conftest import StackFixture


def test_failure_9_a_search_waits_for_the_submit_slot_and_says_so(world: StackFixture) -> None:
    assert world.cluster.acquire_submit_lease("another-program").is_held
    patient, doomed = world.submit(), world.submit()
    for job_id in (patient, doomed):
        waiting = world.in_phase(job_id, "waiting_for_submit_slot")
        assert (waiting["status"], waiting.get("error_code")) == ("running", None)
        assert "another search is being submitted" in waiting["reason"]
    world.api.cancel(doomed)
    assert world.ended(doomed)["phase"] == "cancelled"
    assert world.submissions(doomed) == 0
    world.cluster.release_submit_lease("another-program")
    late = world.submit()  # who finds that nobody has the slot, and calls the one before it
    assert world.ended(patient)["phase"] == "completed"
    assert world.ended(late)["phase"] == "completed"
    assert world.events(patient).count("waiting_for_submit_slot") == 1
    assert submitted_at(world, patient) < submitted_at(world, late)
    assert world.cluster.acquire_submit_lease("third").is_held, "it was freed"
    world.cluster.release_submit_lease("third")


def submitted_at(world: StackFixture, job_id: str) -> datetime:
    (event,) = [one for one in world.api.events(job_id) if one["event"] == "submitted"]
    return datetime.fromisoformat(event["timestamp"])
