"""R6: a cancelled search leaves nothing on the cluster, and no other job is affected."""

from typing import Any

import pytest
import urllib3

from local.demo.client import RequestRejected
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture
from tests.support.samples import WORDS

HANGING = JobFaultRule(hang=True)


def hanging(system: StackFixture) -> str:
    """An idempotency key whose search never ends."""
    return system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=HANGING))


def assert_nothing_is_left(system: StackFixture, job_id: str) -> None:
    assert system.cluster.jobs_of(job_id) == []
    assert system.cluster.pods_of(job_id) == []
    assert system.processes_of(job_id) == []


def test_r6_a_cancelled_job_leaves_no_job_no_pod_and_no_process(system: StackFixture) -> None:
    doomed = system.submit(key=hanging(system))
    system.until(doomed, lambda job: bool(system.processes_of(doomed)))
    other = system.submit()
    assert system.cluster.jobs_of(doomed)
    assert system.api.cancel(doomed)["status"] == "cancelling"
    job = system.ended(doomed)
    assert (job["status"], job["exact_phase"], job["runtime_status"]) == (
        "cancelled",
        "cancelled",
        "Canceled",
    )
    assert_nothing_is_left(system, doomed)
    proof = system.api.events(doomed)[-1]
    assert proof["event"] == "cancelled"
    assert proof["payload"]["left_on_cluster"] == "none"
    assert proof["payload"]["took_seconds"] < 30
    assert system.ended(other)["status"] == "completed"


@pytest.mark.acceptance
def test_a_running_job_is_cancelled_before_it_is_deleted(system: StackFixture) -> None:
    doomed = system.submit(key=hanging(system))
    system.until(doomed, lambda job: bool(system.processes_of(doomed)))
    url = f"{system.stack.url}/api/blast/jobs/{doomed}"
    answer = urllib3.request("DELETE", url, timeout=20)
    assert (answer.status, answer.json()) == (202, {"job_id": doomed, "status": "cancelling"})
    with pytest.raises(RequestRejected, match="there is no job"):
        system.until(doomed, lambda job: job["status"] == "completed")
    assert_nothing_is_left(system, doomed)
    assert urllib3.request("DELETE", url, timeout=20).status == 200


def orchestration(system: StackFixture, job_id: str) -> tuple[str, Any]:
    """Status and output of a job's orchestration."""
    url = f"{system.stack.url}/runtime/webhooks/durabletask/instances/{job_id}"
    status = urllib3.request("GET", url, timeout=20).json()
    return status["runtimeStatus"], status["output"]


def until_orchestration(system: StackFixture, job_id: str, expected: tuple[str, Any]) -> None:
    """Wait, because the orchestration ends shortly after its job's row."""
    system.until(job_id, lambda job: orchestration(system, job_id) == expected)


@pytest.mark.acceptance
def test_orchestrations_of_failed_and_cancelled_jobs_are_completed(
    system: StackFixture,
) -> None:
    """A Failed orchestration always means an error of the app."""
    failing = JobFaultRule(fail_attempts=9, stderr=WORDS)
    failed = system.submit(key=system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=failing)))
    cancelled = system.submit(key=hanging(system))
    system.api.cancel(cancelled)
    for job_id, phase in ((failed, "search_failed"), (cancelled, "cancelled")):
        assert system.ended(job_id)["exact_phase"] == phase
        assert system.ended(job_id)["left_on_cluster"] == "none"
        until_orchestration(system, job_id, ("Completed", {"phase": phase}))


@pytest.mark.acceptance
def test_failure_33_a_cancel_during_submit_wins(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, hang_seconds=600, after_jobs=True))
    job_id = system.submit(key=key)
    system.until(job_id, lambda job: bool(system.cluster.jobs_of(job_id)))
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert_nothing_is_left(system, job_id)


def test_failure_33_a_cancel_during_a_retry_delay_takes_effect_at_once(
    system: StackFixture,
) -> None:
    answer = {"category": "capacity", "message": "no nodes"}
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, answer=answer, exit_code=10))
    job_id = system.submit(key=key)
    waiting = system.in_phase(job_id, "waiting_for_capacity")
    assert waiting["status"] == "running"
    assert "reason" in waiting
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"


def test_failure_33_a_cancel_right_after_the_submission_takes_effect(system: StackFixture) -> None:
    job_id = system.submit(key=hanging(system))
    system.api.cancel(job_id)
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert_nothing_is_left(system, job_id)


@pytest.mark.acceptance
def test_failure_33_a_cancel_survives_a_restart(system: StackFixture) -> None:
    job_id = system.submit(key=hanging(system))
    system.in_phase(job_id, "running")
    system.api.cancel(job_id)
    system.restart_host()
    assert system.ended(job_id)["exact_phase"] == "cancelled"
    assert_nothing_is_left(system, job_id)


@pytest.mark.acceptance
def test_failure_33_a_repeated_cancel_and_one_after_the_end(system: StackFixture) -> None:
    job_id = system.submit(key=hanging(system))
    assert system.api.cancel(job_id) == system.api.cancel(job_id)
    system.ended(job_id)
    assert system.api.cancel(job_id)["status"] == "cancelled"
    finished = system.submit()
    system.ended(finished)
    with pytest.raises(RequestRejected) as refused:
        system.api.cancel(finished)
    assert refused.value.status == 409
    assert refused.value.body["detail"]["code"] == "already_finished"
