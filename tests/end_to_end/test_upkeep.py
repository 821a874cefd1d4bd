"""What upkeep saves: jobs whose orchestration is lost or was never started, and failed ones."""

import uuid
from dataclasses import replace

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import ACCOUNT
from local.demo.client import RequestRejected
from local.demo.search import demo_request
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.clients.blobs import open_blobs
from shared.clients.tables import open_table
from shared.contracts.states import LeftOnCluster, Phase
from shared.contracts.storage_urls import StorageAccount
from shared.dependencies import INDEX_TABLE, JOBS_TABLE, now
from shared.jobs import Index, JobStateRepository
from shared.settings import Settings
from tests.end_to_end.conftest import PACE, StackFixture
from tests.support.samples import WORDS, job, settings
from triggers.auth.callers import LOCAL
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import parse


def mark(world: StackFixture, name: str) -> None:
    """Write a marker, as the finalizer does."""
    connection = world.stack.azurite.connection_string
    with BlobServiceClient.from_connection_string(connection) as service:
        service.get_blob_client("results", name).upload_blob(b"")


def until_restarted(world: StackFixture, job_id: str) -> None:
    """Let the timer come by until the job is late enough for it."""

    def restarted(job: dict[str, object]) -> bool:
        world.reconcile()
        return "orchestration_restarted" in world.events(job_id)

    world.until(job_id, restarted)


def test_failure_42_jobs_of_a_lost_task_hub_are_adopted_and_end_truthfully(
    world: StackFixture,
) -> None:
    unmarked = JobFaultRule(markers=())
    keys = [world.trouble(lambda job_id: FaultRule(key=job_id, jobs=unmarked)) for _ in range(2)]
    waiting = {"category": "capacity", "message": "no nodes"}
    full = world.trouble(lambda job_id: FaultRule(key=job_id, call=1, answer=waiting, exit_code=10))
    going, doomed, early = (world.submit(key=key) for key in (*keys, full))
    for job_id in (going, doomed):
        world.until(job_id, lambda job: job["splits_done"] == 2)
    world.in_phase(early, "waiting_for_capacity")
    world.stack.host.kill()
    for file in world.stack.folder.glob("durable.sqlite*"):
        file.unlink()
    mark(world, f"{going}/metadata/SUCCESS.txt")
    mark(world, f"{doomed}/metadata/FAILURE.txt")
    world.stack.host = world.stack.start_host()
    for job_id in (going, doomed):
        until_restarted(world, job_id)
    world.api.cancel(early)  # which finds that nobody is there to be told
    assert world.ended(going)["phase"] == "completed"
    assert world.ended(doomed)["phase"] == "search_failed"
    assert world.ended(early)["phase"] == "cancelled"
    for job_id in (going, doomed, early):
        assert world.submissions(job_id) == 1
        assert world.events(job_id).count("orchestration_restarted") == (job_id != early)


def test_failure_13_a_job_that_was_kept_and_never_started_completes(world: StackFixture) -> None:
    """The app died between the two, and the client never came back."""
    submission = parse(demo_request(), config := settings_of(world))
    connection = config.storage_connection_string
    jobs = store_of(world)
    blobs = open_blobs(StorageAccount(ACCOUNT, config.storage_suffix), connection, None)
    job = SubmissionService(jobs, blobs, config, now).accept(submission, LOCAL, None, "http").job
    until_restarted(world, job.job_id)
    assert world.ended(job.job_id)["phase"] == "completed"
    assert world.events(job.job_id)[:2] == ["accepted", "orchestration_restarted"]
    assert world.submissions(job.job_id) == 1


def store_of(world: StackFixture) -> JobStateRepository:
    """The app's own tables."""
    connection = world.stack.azurite.connection_string
    index = Index(open_table(INDEX_TABLE, connection, "", None), settings_of(world).reconcile_after)
    jobs = JobStateRepository(open_table(JOBS_TABLE, connection, "", None), index, now)
    jobs.ensure()
    return jobs


def unconfirmed(world: StackFixture) -> str:
    """A job that failed a while ago, of which something may be left."""
    left = LeftOnCluster.UNKNOWN
    one = job(uuid.uuid4().int, owner=LOCAL, phase=Phase.SEARCH_FAILED, left_on_cluster=left)
    local = replace(one.search.placement, cluster_name="local", resource_group="local")
    one = replace(one, search=replace(one.search, placement=local), finished_at=now())
    return store_of(world).create(one, {}).job_id


def test_failure_34_what_may_be_left_of_a_failed_job_is_cleaned_up_when_it_is_cancelled(
    world: StackFixture,
) -> None:
    job_id = unconfirmed(world)
    assert world.api.job(job_id)["left_on_cluster"] == "unknown"
    assert world.api.cancel(job_id)["status"] == "cancelling"

    def proven(job: dict[str, object]) -> bool:
        world.reconcile()
        return job["left_on_cluster"] == "none"

    world.until(job_id, proven)
    assert world.events(job_id) == ["accepted", "cleanup_confirmed"]
    assert world.api.cancel(job_id)["status"] == "cancelled"
    assert world.api.job(job_id)["phase"] == "search_failed"


def settings_of(world: StackFixture) -> Settings:
    """What the app's settings say of storage and of the cluster."""
    return settings(
        storage_account=ACCOUNT,
        storage_connection_string=world.stack.azurite.connection_string,
        cluster_name="local",
        resource_group="local",
        region="local",
        reconcile_after=PACE["BLAST_RECONCILE_AFTER"],
    )


def test_a_failed_search_that_is_retried_completes(world: StackFixture) -> None:
    trouble = JobFaultRule(fail_attempts=9, stderr=WORDS, batches=(1,))
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=trouble))
    job_id = world.submit(key=key)
    first = world.ended(job_id)
    assert first["phase"] == "search_failed"
    request = {"x-client-request-id": "a-click"}
    accepted = world.api.retry(job_id, **request)
    assert accepted == {"job_id": job_id, "task_id": job_id, "status": "queued"}
    assert world.api.retry(job_id, **request) == accepted, "the same click is the same attempt"
    job = world.ended(job_id)
    assert job["phase"] == "completed"
    assert "error" not in job
    events = world.events(job_id)
    assert [events.count(name) for name in ("retry_requested", "config_written", "completed")] == [
        1,
        2,
        1,
    ]
    ids = [one["results_prefix"].rstrip("/").rpartition("/")[2] for one in (first, job)]
    assert ids[0] == job_id
    assert ids[1][-8:] != job_id[-8:]
    assert [world.submissions(one) for one in ids] == [1, 1]
    assert len(world.api.results(job_id)["files"]) == 2
    assert all(data for _, data in world.api.files(job_id))


def test_what_is_not_to_be_retried_is_refused(world: StackFixture) -> None:
    answer = {"category": "invalid", "message": "no such thing"}
    invalid = FaultRule(hang_seconds=2, answer=answer, exit_code=1)
    key = world.trouble(lambda job_id: replace(invalid, key=job_id))
    job_id = world.submit(key=key)
    assert refusal(world, job_id) == (409, "not_failed")
    assert world.ended(job_id)["phase"] == "config_invalid"
    assert refusal(world, job_id) == (400, "not_retryable")
    assert refusal(world, "job-" + "0" * 32) == (404, "not_found")


def refusal(world: StackFixture, job_id: str) -> tuple[int, str]:
    with pytest.raises(RequestRejected) as refused:
        world.api.retry(job_id)
    return refused.value.status, refused.value.body["detail"]["code"]
