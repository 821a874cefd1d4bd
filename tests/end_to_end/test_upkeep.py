"""Reconcile: jobs whose orchestration is lost or was never started, and failed ones."""

import uuid
from contextlib import aclosing
from dataclasses import replace

import pytest
from azure.storage.blob import BlobServiceClient

from local.demo.client import RequestRejected
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.dependencies import Dependencies, now
from shared.settings import Settings
from tests.end_to_end.acceptance import accept_demo, settings_of
from tests.end_to_end.conftest import StackFixture
from tests.support.blocking import run
from tests.support.samples import WORDS, job
from triggers.auth.callers import LOCAL

pytestmark = pytest.mark.acceptance


def mark(system: StackFixture, name: str) -> None:
    """Write a marker as the finalizer does."""
    connection = system.stack.azurite.connection_string
    with BlobServiceClient.from_connection_string(connection) as service:
        service.get_blob_client("results", name).upload_blob(b"")


def until_restarted(system: StackFixture, job_id: str) -> None:
    """Reconcile until the job's orchestration is restarted."""

    def restarted(job: dict[str, object]) -> bool:
        system.reconcile()
        return "orchestration_restarted" in system.events(job_id)

    system.until(job_id, restarted)


def test_failure_42_jobs_of_a_lost_task_hub_are_restarted_and_end_correctly(
    system: StackFixture,
) -> None:
    unmarked = JobFaultRule(markers=())
    keys = [system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=unmarked)) for _ in range(2)]
    waiting = {"category": "capacity", "message": "no nodes"}
    full = system.add_fault(
        lambda job_id: FaultRule(key=job_id, call=1, answer=waiting, exit_code=10)
    )
    going, doomed, early = (system.submit(key=key) for key in (*keys, full))
    for job_id in (going, doomed):
        system.until(job_id, lambda job: job["splits_done"] == 2)
    system.in_phase(early, "waiting_for_capacity")
    system.stack.host.kill()
    for file in system.stack.folder.glob("durable.sqlite*"):
        file.unlink()
    mark(system, f"{going}/metadata/SUCCESS.txt")
    mark(system, f"{doomed}/metadata/FAILURE.txt")
    system.stack.host = system.stack.start_host()
    for job_id in (going, doomed):
        until_restarted(system, job_id)
    system.api.cancel(early)  # finds no orchestration to wake
    assert system.ended(going)["exact_phase"] == "completed"
    assert system.ended(doomed)["exact_phase"] == "search_failed"
    assert system.ended(early)["exact_phase"] == "cancelled"
    for job_id in (going, doomed, early):
        assert system.submissions(job_id) == 1
        assert system.events(job_id).count("orchestration_restarted") == (job_id != early)


def test_failure_13_a_stored_job_without_an_orchestration_completes(system: StackFixture) -> None:
    """The app crashed in between, and the client did not retry."""
    job_id = run(accept_demo(settings_of(system)))
    until_restarted(system, job_id)
    assert system.ended(job_id)["exact_phase"] == "completed"
    assert system.events(job_id)[:2] == ["accepted", "orchestration_restarted"]
    assert system.submissions(job_id) == 1


async def store(job: Job, config: Settings) -> None:
    """Store a job without starting it."""
    async with aclosing(Dependencies(lambda: config)) as app:
        await app.jobs.create(job, {})


def unconfirmed(system: StackFixture) -> str:
    """A failed job whose clean-up is unconfirmed."""
    left = LeftOnCluster.UNKNOWN
    failed_job = job(uuid.uuid4().int, owner=LOCAL, phase=Phase.SEARCH_FAILED, left_on_cluster=left)
    local = replace(failed_job.search.placement, cluster_name="local", resource_group="local")
    failed_job = replace(
        failed_job, search=replace(failed_job.search, placement=local), finished_at=now()
    )
    run(store(failed_job, settings_of(system)))
    return failed_job.job_id


def test_failure_34_a_cancel_cleans_up_a_failed_job(
    system: StackFixture,
) -> None:
    job_id = unconfirmed(system)
    assert system.api.job(job_id)["left_on_cluster"] == "unknown"
    assert system.api.cancel(job_id)["status"] == "cancelling"

    def cleanup_confirmed(job: dict[str, object]) -> bool:
        system.reconcile()
        return job["left_on_cluster"] == "none"

    system.until(job_id, cleanup_confirmed)
    assert system.events(job_id) == ["accepted", "cleanup_confirmed"]
    assert system.api.cancel(job_id)["status"] == "cancelled"
    assert system.api.job(job_id)["exact_phase"] == "search_failed"


def test_a_retried_search_completes(system: StackFixture) -> None:
    rule = JobFaultRule(fail_attempts=9, stderr=WORDS, batches=(1,))
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=rule))
    job_id = system.submit(key=key)
    first = system.ended(job_id)
    assert first["exact_phase"] == "search_failed"
    request = {"x-client-request-id": "a-click"}
    accepted = system.api.retry(job_id, **request)
    assert accepted == {"job_id": job_id, "task_id": job_id, "status": "queued"}
    assert system.api.retry(job_id, **request) == accepted, "the same request is the same attempt"
    job = system.ended(job_id)
    assert job["exact_phase"] == "completed"
    assert "error" not in job
    events = system.events(job_id)
    assert [events.count(name) for name in ("retry_requested", "config_written", "completed")] == [
        1,
        2,
        1,
    ]
    ids = [attempt["results_prefix"].rstrip("/").rpartition("/")[2] for attempt in (first, job)]
    assert ids[0] == job_id
    assert ids[1][-8:] != job_id[-8:]
    assert [system.submissions(attempt_id) for attempt_id in ids] == [1, 1]
    assert len(system.api.results(job_id)["files"]) == 2
    assert all(data for _, data in system.api.files(job_id))


def test_a_retry_of_a_job_that_cannot_be_retried_is_refused(system: StackFixture) -> None:
    answer = {"category": "invalid", "message": "no such thing"}
    invalid = FaultRule(hang_seconds=2, answer=answer, exit_code=1)
    key = system.add_fault(lambda job_id: replace(invalid, key=job_id))
    job_id = system.submit(key=key)
    assert retry_error(system, job_id) == (409, "not_failed")
    assert system.ended(job_id)["exact_phase"] == "config_invalid"
    assert retry_error(system, job_id) == (400, "not_retryable")
    assert retry_error(system, "job-" + "0" * 32) == (404, "not_found")


def retry_error(system: StackFixture, job_id: str) -> tuple[int, str]:
    with pytest.raises(RequestRejected) as refused:
        system.api.retry(job_id)
    return refused.value.status, refused.value.body["detail"]["code"]
