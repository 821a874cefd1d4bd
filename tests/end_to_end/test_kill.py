"""After a SIGKILL of the host, a job completes once, with a complete history."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from azure.storage.blob import BlobServiceClient

from activities.assess import submission_completed
from blast_orchestrator.job import STEPS_PER_GENERATION
from local.demo.queries import DEMO_BATCH_LEN
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture

pytestmark = pytest.mark.acceptance

MANY_BATCHES_LEN = DEMO_BATCH_LEN if (os.cpu_count() or 1) < 4 else 700
"""Gives more batches than run at once, so that the finalizer has not started: its Job allows no
restart, and Jobs that run when the local cluster is killed are restarted."""


def assert_completed_once(system: StackFixture, job_id: str) -> None:
    assert system.ended(job_id)["exact_phase"] == "completed"
    assert system.submissions(job_id) == 1
    events = system.events(job_id)
    once = ["accepted", "config_written", "submitted", "exporting_results", "completed"]
    assert [events.count(name) for name in once] == [1] * len(once)


def test_a_kill_during_the_submission(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, hang_seconds=1.5))
    job_id = system.submit(key=key)
    system.until(job_id, lambda job: system.submissions(job_id) == 1)
    system.restart_host()
    assert_completed_once(system, job_id)


def test_a_kill_while_the_search_runs(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(seconds=1)))
    job_id = system.submit(key=key)
    system.until(job_id, lambda job: job["splits_done"] > 0)
    system.restart_host()
    assert_completed_once(system, job_id)


def test_a_kill_at_the_end(system: StackFixture) -> None:
    job_id = submitted_without_marker(system)
    system.until(job_id, lambda job: job["splits_done"] == 2)
    system.stack.host.kill()
    write_marker(system, job_id)
    system.stack.host = system.stack.start_host()
    assert_completed_once(system, job_id)


def test_failure_32_a_long_job_continues_as_new(system: StackFixture) -> None:
    """Without continue_as_new its history would exceed 400 rows: each poll adds 8."""
    job_id = submitted_without_marker(system)
    system.until(job_id, lambda job: poll_count(system, job_id) > 50 + STEPS_PER_GENERATION // 2)
    assert history_rows(system, job_id) < 400
    write_marker(system, job_id)
    assert_completed_once(system, job_id)
    assert history_rows(system, job_id) < 400
    assert len(system.events(job_id)) < 20


def submitted_without_marker(system: StackFixture) -> str:
    """A search that ends without a marker."""
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(markers=())))
    return system.submit(key=key)


def write_marker(system: StackFixture, job_id: str) -> None:
    connection = system.stack.azurite.connection_string
    with BlobServiceClient.from_connection_string(connection) as service:
        service.get_blob_client("results", f"{job_id}/metadata/SUCCESS.txt").upload_blob(b"")


def poll_count(system: StackFixture, job_id: str) -> int:
    log = (system.stack.folder / "logs" / "functions.log").read_text().splitlines()
    return sum(job_id in line and "observe_search" in line for line in log)


def history_rows(system: StackFixture, job_id: str) -> int:
    """The number of history rows that the engine passes to each replay."""
    with closing(sqlite3.connect(system.stack.folder / "durable.sqlite")) as connection:
        query = "SELECT COUNT(*) FROM history WHERE instance = ?"
        return int(connection.execute(query, (job_id,)).fetchone()[0])


def test_failure_29_an_unavailable_cluster_is_a_reason_not_a_failure(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(seconds=2)))
    job_id = system.submit(key=key, batch_len=MANY_BATCHES_LEN)
    system.in_phase(job_id, "running")
    system.stack.cluster.kill()
    job = system.until(job_id, lambda job: "reason" in job)
    assert job["exact_phase"] == "running"
    assert "the cluster or the storage could not be read since" in job["reason"]
    system.stack.cluster = system.stack.start_cluster()
    job = system.ended(job_id)
    assert (job["exact_phase"], job.get("error")) == ("completed", None)
    assert "reason" not in job


def test_r3_a_submission_waits_for_an_unavailable_cluster(system: StackFixture) -> None:
    system.stack.cluster.kill()
    job_id = system.submit()
    waiting = system.in_phase(job_id, "retrying")
    assert waiting["error_code"] == "cluster_unavailable"
    assert system.submissions(job_id) == 0, "a failed look does not prove that there are no Jobs"
    system.stack.cluster = system.stack.start_cluster()
    assert system.ended(job_id)["exact_phase"] == "completed"
    assert system.events(job_id).count("retry_scheduled") >= 1
    assert system.submissions(job_id) == 1


def test_a_sidecar_killed_during_the_submission_causes_no_second_search(
    system: StackFixture,
) -> None:
    rule = FaultRule(call=1, hang_seconds=5, after_jobs=True)
    key = system.add_fault(lambda job_id: replace(rule, key=job_id))
    job_id = system.submit(key=key)
    system.until(job_id, lambda job: submission_completed(system.cluster.jobs_of(job_id), None))
    system.stack.sidecar.kill()
    system.stack.sidecar = system.stack.start_sidecar()
    assert system.ended(job_id)["exact_phase"] == "completed"
    assert system.submissions(job_id) == 1
