"""R6: a cancelled search leaves nothing on the cluster, and nothing else is touched."""

from typing import Any

import pytest
import urllib3

from local.demo.client import RequestRejected
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture

HANGING = JobFaultRule(hang=True)


def hanging(world: StackFixture) -> str:
    """A key whose search never ends."""
    return world.trouble(lambda job_id: FaultRule(key=job_id, jobs=HANGING))


def assert_nothing_is_left(world: StackFixture, job_id: str) -> None:
    assert world.cluster.jobs_of(job_id) == []
    assert world.cluster.pods_of(job_id) == []
    assert world.processes_of(job_id) == []


def test_r6_a_cancelled_job_leaves_no_job_no_pod_and_no_process(world: StackFixture) -> None:
    doomed = world.submit(key=hanging(world))
    world.until(doomed, lambda job: bool(world.processes_of(doomed)))
    other = world.submit()
    assert world.cluster.jobs_of(doomed)
    assert world.api.cancel(doomed)["status"] == "cancelling"
    job = world.ended(doomed)
    assert (job["status"], job["phase"], job["runtime_status"]) == (
        "cancelled",
        "cancelled",
        "Canceled",
    )
    assert_nothing_is_left(world, doomed)
    proof = world.api.events(doomed)[-1]
    assert proof["event"] == "cancelled"
    assert proof["payload"]["left_on_cluster"] == "none"
    assert proof["payload"]["took_seconds"] < 30
    assert world.ended(other)["status"] == "completed"


def orchestration(world: StackFixture, job_id: str) -> tuple[str, Any]:
    """The status and the output of a job's orchestration, as operators see them."""
    url = f"{world.stack.url}/runtime/webhooks/durabletask/instances/{job_id}"
    found = urllib3.request("GET", url, timeout=20).json()
    return found["runtimeStatus"], found["output"]


def until_orchestration(world: StackFixture, job_id: str, expected: tuple[str, Any]) -> None:
    """It ends a moment after its job's row."""
    world.until(job_id, lambda job: orchestration(world, job_id) == expected)


def test_the_orchestration_of_a_job_that_did_not_complete_is_completed_with_its_phase(
    world: StackFixture,
) -> None:
    """One that is Failed is a fault of the app, and nothing else."""
    failing = JobFaultRule(fail_attempts=9)
    failed = world.submit(key=world.trouble(lambda job_id: FaultRule(key=job_id, jobs=failing)))
    cancelled = world.submit(key=hanging(world))
    world.api.cancel(cancelled)
    for job_id, phase in ((failed, "search_failed"), (cancelled, "cancelled")):
        assert world.ended(job_id)["phase"] == phase
        assert world.ended(job_id)["left_on_cluster"] == "none"
        until_orchestration(world, job_id, ("Completed", {"phase": phase}))


def test_failure_33_a_cancel_during_submit_wins(world: StackFixture) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, hang_seconds=600, after_jobs=True))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: bool(world.cluster.jobs_of(job_id)))
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"
    assert_nothing_is_left(world, job_id)


def test_failure_33_a_cancel_during_a_retry_wait_ends_it_at_once(world: StackFixture) -> None:
    answer = {"category": "capacity", "message": "no nodes"}
    key = world.trouble(lambda job_id: FaultRule(key=job_id, answer=answer, exit_code=10))
    job_id = world.submit(key=key)
    waiting = world.in_phase(job_id, "waiting_for_capacity")
    assert waiting["status"] == "running"
    assert "reason" in waiting
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"


def test_failure_33_a_cancel_right_after_the_submission_is_kept(world: StackFixture) -> None:
    job_id = world.submit(key=hanging(world))
    world.api.cancel(job_id)
    assert world.ended(job_id)["phase"] == "cancelled"
    assert_nothing_is_left(world, job_id)


def test_failure_33_a_cancel_across_a_restart_is_kept(world: StackFixture) -> None:
    job_id = world.submit(key=hanging(world))
    world.in_phase(job_id, "running")
    world.api.cancel(job_id)
    world.restart_host()
    assert world.ended(job_id)["phase"] == "cancelled"
    assert_nothing_is_left(world, job_id)


def test_failure_33_a_cancel_twice_and_after_the_end(world: StackFixture) -> None:
    job_id = world.submit(key=hanging(world))
    assert world.api.cancel(job_id) == world.api.cancel(job_id)
    world.ended(job_id)
    assert world.api.cancel(job_id)["status"] == "cancelled"
    finished = world.submit()
    world.ended(finished)
    with pytest.raises(RequestRejected) as refused:
        world.api.cancel(finished)
    assert refused.value.status == 409
    assert refused.value.body["detail"]["code"] == "already_finished"
