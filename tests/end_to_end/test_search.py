"""R14: a search from its HTTP request to its results, over the whole stack."""

import re
from pathlib import Path

import pytest

from local.demo.client import RequestRejected
from local.demo.hits import result_rows, run_blastn
from local.demo.queries import (
    DEMO_BATCH_LEN,
    DEMO_DATABASE,
    DEMO_FASTA,
    DEMO_OPTIONS,
    demo_queries,
)
from local.demo.search import demo_request
from local.elastic_blast.databases import make_database
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import ONE_BATCH, StackFixture
from tests.support.samples import WORDS


def test_r14_the_hits_equal_those_of_plain_blastn(system: StackFixture, tmp_path: Path) -> None:
    job = system.ended(system.submit(batch_len=DEMO_BATCH_LEN))
    assert (job["status"], job["exact_phase"], job["runtime_status"]) == (
        "completed",
        "completed",
        "Completed",
    )
    assert (job["splits_total"], job["splits_done"], job["splits_failed"]) == (4, 4, 0)
    make_database(DEMO_FASTA, tmp_path / DEMO_DATABASE)
    (tmp_path / "queries.fa").write_text(demo_queries())
    expected, _ = run_blastn(tmp_path / DEMO_DATABASE, tmp_path / "queries.fa", DEMO_OPTIONS)
    assert len(expected) > 1000
    assert result_rows(system.api.files(job["job_id"])) == expected


@pytest.mark.acceptance
def test_the_links_of_an_accepted_job_work(system: StackFixture) -> None:
    accepted = system.api.submit(demo_request() | {"batch_len": ONE_BATCH})
    system.ended(accepted["job_id"])
    assert system.api.get(accepted["statusQueryGetUri"])["runtime_status"] == "Completed"
    assert system.api.get(accepted["operation_status_url"])["phase"] == "completed"


@pytest.mark.acceptance
def test_each_event_of_a_search_occurs_once(system: StackFixture) -> None:
    job_id = system.submit()
    system.ended(job_id)
    events = system.events(job_id)
    assert events[:4] == ["accepted", "config_written", "submitting", "submitted"]
    assert events[-3:] == ["exporting_results", "results_collected", "completed"]
    assert system.submissions(job_id) == 1


@pytest.mark.acceptance
def test_a_missing_query_blob_is_refused(system: StackFixture) -> None:
    first = system.submit()
    system.ended(first)
    config = system.api.events(first)[1]["payload"]["config_blob"]
    assert config.startswith("https://devstoreaccount1.blob.core.windows.net/queries/")
    with pytest.raises(RequestRejected) as refused:
        system.submit(query_data=None, query_file="queries/none/such.fa")
    assert refused.value.status == 422


@pytest.mark.acceptance
def test_the_newest_jobs_are_listed_first_and_paged(system: StackFixture) -> None:
    newest = [system.submit(batch_len=ONE_BATCH) for _ in range(3)][::-1]
    page = system.api.jobs(limit=2)
    assert [job["job_id"] for job in page["jobs"]] == newest[:2]
    assert page["page"]["has_more"] is True
    rest = system.api.jobs(limit=2, cursor=page["page"]["next_cursor"])
    assert rest["jobs"][0]["job_id"] == newest[2]
    for job_id in newest:
        system.ended(job_id)


@pytest.mark.acceptance
def test_failure_1_a_repeated_request_returns_the_same_job(system: StackFixture) -> None:
    first = system.submit(key="repeated")
    assert system.submit(key="repeated") == first
    system.ended(first)
    assert system.submit(key="repeated") == first
    assert system.submissions(first) == 1


@pytest.mark.acceptance
def test_failure_2_the_same_key_with_another_request_is_a_conflict(system: StackFixture) -> None:
    first = system.submit(key="taken")
    with pytest.raises(RequestRejected) as refused:
        system.submit(key="taken", batch_len=50_000)
    assert refused.value.status == 409
    assert refused.value.body["detail"]["code"] == "idempotency_conflict"
    assert system.ended(first)["status"] == "completed"


def newest_job(system: StackFixture) -> list[str]:
    """The id of the newest job; none if there is no job."""
    return [job["job_id"] for job in system.api.jobs(limit=1)["jobs"]]


def test_all_faults_of_a_request_are_reported_and_nothing_is_created(system: StackFixture) -> None:
    before = newest_job(system)
    with pytest.raises(RequestRejected) as refused:
        system.api.submit(
            demo_request()
            | {
                "db": "../secrets",
                "query_data": "no fasta",
                "evalue": -1,
                "storage_account": "other",
                "num_nodes": 1000,
                "additional_options": "-remote",
            }
        )
    assert refused.value.status == 422
    body = refused.value.body
    where = {fault["loc"][0] for fault in body["detail"]["errors"]}
    assert where >= {"db", "query_data", "evalue", "storage_account", "num_nodes"}
    assert body["error"] == body["message"] == body["detail"]["message"]
    assert newest_job(system) == before


def test_a_missing_database_fails_the_job_with_that_reason(system: StackFixture) -> None:
    job = system.ended(system.submit(db="no_such_db"))
    assert (job["status"], job["exact_phase"], job["error_code"]) == (
        "failed",
        "database_unavailable",
        "database_unavailable",
    )
    assert "not found" in job["error"]


def test_r2_r3_a_transient_failure_is_retried_and_nothing_runs_twice(
    system: StackFixture,
) -> None:
    answer = {"category": "transient", "message": "API busy", "retry_after_seconds": 1}
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, call=1, answer=answer, exit_code=8))
    job_id = system.submit(key=key)
    job = system.ended(job_id)
    assert job["status"] == "completed"
    assert "error_code" not in job, "R4: a successful run clears it"
    retries = [e for e in system.api.events(job_id) if e["event"] == "retry_scheduled"]
    assert [retry["payload"]["category"] for retry in retries] == ["transient"]
    assert retries[0]["payload"]["retry_after_seconds"] >= 1
    assert system.submissions(job_id) == 2


def test_failure_3_a_submission_that_crashed_after_creating_jobs_is_adopted(
    system: StackFixture,
) -> None:
    key = system.add_fault(
        lambda job_id: FaultRule(key=job_id, call=1, crash=True, after_jobs=True)
    )
    job_id = system.submit(key=key)
    assert system.ended(job_id)["status"] == "completed"
    submitted = [e for e in system.api.events(job_id) if e["event"] == "submitted"]
    assert [event["payload"]["decision"] for event in submitted] == ["resumed"]
    assert system.submissions(job_id) == 1


@pytest.mark.acceptance
def test_a_batch_that_fails_fails_the_search(system: StackFixture) -> None:
    rule = JobFaultRule(fail_attempts=9, stderr=WORDS, batches=(1,))
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=rule))
    job = system.ended(system.submit(key=key))
    assert (job["status"], job["exact_phase"]) == ("failed", "search_failed")
    assert job["error"].startswith(f"{WORDS}; blastn-batch-orchid-its-job-001-")


@pytest.mark.acceptance
def test_failure_51_blasts_message_is_the_error_everywhere(system: StackFixture) -> None:
    job_id = system.submit(additional_options="-taxids 9606")  # the database has no taxa
    job = system.ended(job_id)
    text = "BLAST Database error: Taxonomy ID(s) not found"
    assert job["exact_phase"] == "search_failed"
    assert job["error"].startswith(text)
    assert re.search(r"-job-00[01]-", job["error"])  # both Jobs fail; either can be the first
    assert "failed (BackoffLimitExceeded" in job["error"]
    errors = [e["payload"]["error"] for e in system.api.events(job_id) if "error" in e["payload"]]
    assert errors == [job["error"]] * 2  # at its detection and at the job's end


@pytest.mark.acceptance
def test_failure_52_results_of_a_search_without_an_outfmt_are_readable(
    system: StackFixture,
) -> None:
    job_id = system.submit(additional_options="-evalue 1e-20")
    job = system.ended(job_id)
    assert (job["status"], job["config_snapshot"]["outfmt"]) == ("completed", 5)
    assert system.api.get(f"/api/blast/jobs/{job_id}/results/aggregate")["status"] == "ok"


@pytest.mark.acceptance
def test_failure_24_a_failed_attempt_does_not_fail_the_search(system: StackFixture) -> None:
    rule = JobFaultRule(fail_attempts=1, batches=(1,))
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=rule))
    assert system.ended(system.submit(key=key))["status"] == "completed"


@pytest.mark.acceptance
def test_failure_26_a_success_marker_without_results_does_not_complete_the_job(
    system: StackFixture,
) -> None:
    rule = JobFaultRule(lose_results=True, batches=(1,), markers=("SUCCESS",))
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=rule))
    job = system.ended(system.submit(key=key))
    assert (job["status"], job["exact_phase"]) == ("failed", "results_missing")
    assert "1 of 2" in job["error"]


@pytest.mark.acceptance
def test_failure_25_jobs_deleted_after_their_end_count_as_completed(system: StackFixture) -> None:
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(ttl_seconds=0)))
    job = system.ended(system.submit(key=key))
    assert job["status"] == "completed"
    assert (job["splits_done"], job["splits_total"]) == (2, 2)  # failure 54


@pytest.mark.acceptance
def test_r5_two_searches_at_once_see_only_their_own_jobs(system: StackFixture) -> None:
    rule = JobFaultRule(fail_attempts=9, stderr=WORDS)
    key = system.add_fault(lambda job_id: FaultRule(key=job_id, jobs=rule))
    bad, good = system.submit(key=key), system.submit()
    assert system.ended(bad)["exact_phase"] == "search_failed"
    assert system.ended(good)["exact_phase"] == "completed"
    seen = system.cluster.jobs_of(good)
    assert seen
    assert all(good[-8:] in job.name and not job.failed for job in seen)


def test_an_unknown_job_is_not_found(system: StackFixture) -> None:
    for job_id in ("job-" + "0" * 32, "nonsense", "%2e%2e"):
        with pytest.raises(RequestRejected) as refused:
            system.api.job(job_id)
        assert (refused.value.status, refused.value.body["detail"]["code"]) == (404, "not_found")
