"""The host is killed with SIGKILL in mid-job: the job completes, once, with a whole history."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

from azure.storage.blob import BlobServiceClient

from activities.assess import submission_completed
from blast_orchestrator.job import STEPS_PER_GENERATION
from local.demo.queries import DEMO_BATCH_LEN
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture

MORE_THAN_FIT = DEMO_BATCH_LEN if (os.cpu_count() or 1) < 4 else 700
"""Makes more batches than run at once, so that the finalizer has not begun: its Job allows no
restart, and whatever runs when the local cluster is killed is started again."""


def assert_completed_once(world: StackFixture, job_id: str) -> None:
    assert world.ended(job_id)["phase"] == "completed"
    assert world.submissions(job_id) == 1
    events = world.events(job_id)
    once = ["accepted", "config_written", "submitted", "exporting_results", "completed"]
    assert [events.count(name) for name in once] == [1] * len(once)


def test_killed_while_elastic_blast_submits(world: StackFixture) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, hang_seconds=1.5))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: world.submissions(job_id) == 1)
    world.restart_host()
    assert_completed_once(world, job_id)


def test_killed_while_it_watches(world: StackFixture) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(seconds=1)))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: job["splits_done"] > 0)
    world.restart_host()
    assert_completed_once(world, job_id)


def test_killed_at_the_end(world: StackFixture) -> None:
    job_id = submitted_without_marker(world)
    world.until(job_id, lambda job: job["splits_done"] == 2)
    world.stack.host.kill()
    write_the_marker(world, job_id)
    world.stack.host = world.stack.start_host()
    assert_completed_once(world, job_id)


def test_failure_32_a_long_job_continues_as_new(world: StackFixture) -> None:
    """Without continue_as_new its history would have more than 400 rows: a look leaves 8."""
    job_id = submitted_without_marker(world)
    world.until(job_id, lambda job: looks(world, job_id) > 50 + STEPS_PER_GENERATION // 2)
    assert rows_of_history(world, job_id) < 400
    write_the_marker(world, job_id)
    assert_completed_once(world, job_id)
    assert rows_of_history(world, job_id) < 400
    assert len(world.events(job_id)) < 20


def submitted_without_marker(world: StackFixture) -> str:
    """A search that comes to its end and does not say so."""
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(markers=())))
    return world.submit(key=key)


def write_the_marker(world: StackFixture, job_id: str) -> None:
    connection = world.stack.azurite.connection_string
    with BlobServiceClient.from_connection_string(connection) as service:
        service.get_blob_client("results", f"{job_id}/metadata/SUCCESS.txt").upload_blob(b"")


def looks(world: StackFixture, job_id: str) -> int:
    log = (world.stack.folder / "logs" / "functions.log").read_text().splitlines()
    return sum(job_id in line and "observe_search" in line for line in log)


def rows_of_history(world: StackFixture, job_id: str) -> int:
    """The rows that the engine keeps, and hands to each replay."""
    with closing(sqlite3.connect(world.stack.folder / "durable.sqlite")) as kept:
        query = "SELECT COUNT(*) FROM history WHERE instance = ?"
        return int(kept.execute(query, (job_id,)).fetchone()[0])


def test_failure_29_a_cluster_that_is_away_is_a_reason_and_no_end(world: StackFixture) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(seconds=2)))
    job_id = world.submit(key=key, batch_len=MORE_THAN_FIT)
    world.in_phase(job_id, "running")
    world.stack.cluster.kill()
    job = world.until(job_id, lambda job: "reason" in job)
    assert job["phase"] == "running"
    assert "no look succeeds since" in job["reason"]
    world.stack.cluster = world.stack.start_cluster()
    job = world.ended(job_id)
    assert (job["phase"], job.get("error")) == ("completed", None)
    assert "reason" not in job


def test_r3_a_cluster_that_is_away_at_the_submission_is_waited_for(world: StackFixture) -> None:
    world.stack.cluster.kill()
    job_id = world.submit()
    waiting = world.in_phase(job_id, "retrying")
    assert waiting["error_code"] == "cluster_unavailable"
    assert world.submissions(job_id) == 0, "a look that fails does not mean that nothing is there"
    world.stack.cluster = world.stack.start_cluster()
    assert world.ended(job_id)["phase"] == "completed"
    assert world.events(job_id).count("retry_scheduled") >= 1
    assert world.submissions(job_id) == 1


def test_a_sidecar_that_is_killed_while_it_submits_costs_no_second_search(
    world: StackFixture,
) -> None:
    trouble = FaultRule(call=1, hang_seconds=5, after_jobs=True)
    key = world.trouble(lambda job_id: replace(trouble, key=job_id))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: submission_completed(world.cluster.jobs_of(job_id), None))
    world.stack.sidecar.kill()
    world.stack.sidecar = world.stack.start_sidecar()
    assert world.ended(job_id)["phase"] == "completed"
    assert world.submissions(job_id) == 1
