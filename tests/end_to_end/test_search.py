"""R14: a search from its HTTP request to its results, through every part."""

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


def test_r14_the_hits_are_those_of_blast_by_hand(world: StackFixture, tmp_path: Path) -> None:
    job = world.ended(world.submit(batch_len=DEMO_BATCH_LEN))
    assert (job["status"], job["phase"], job["runtime_status"]) == (
        "completed",
        "completed",
        "Completed",
    )
    assert (job["splits_total"], job["splits_done"], job["splits_failed"]) == (4, 4, 0)
    make_database(DEMO_FASTA, tmp_path / DEMO_DATABASE)
    (tmp_path / "queries.fa").write_text(demo_queries())
    expected, _ = run_blastn(tmp_path / DEMO_DATABASE, tmp_path / "queries.fa", DEMO_OPTIONS)
    assert len(expected) > 1000
    assert result_rows(world.api.files(job["job_id"])) == expected


def test_the_addresses_in_an_answer_can_be_followed(world: StackFixture) -> None:
    accepted = world.api.submit(demo_request() | {"batch_len": ONE_BATCH})
    world.ended(accepted["job_id"])
    assert world.api.get(accepted["statusQueryGetUri"])["runtime_status"] == "Completed"
    assert world.api.get(accepted["operation_status_url"])["phase"] == "completed"


def test_the_history_tells_the_story_once(world: StackFixture) -> None:
    job_id = world.submit()
    world.ended(job_id)
    events = world.events(job_id)
    assert events[:4] == ["accepted", "config_written", "submitting", "submitted"]
    assert events[-2:] == ["exporting_results", "completed"]
    assert world.submissions(job_id) == 1


def test_a_query_that_lies_in_blob_is_searched(world: StackFixture) -> None:
    first = world.submit()
    world.ended(first)
    config = world.api.events(first)[1]["payload"]["config_blob"]
    assert config.startswith("https://devstoreaccount1.blob.core.windows.net/queries/")
    with pytest.raises(RequestRejected) as refused:
        world.submit(query_data=None, query_file="queries/none/such.fa")
    assert refused.value.status == 422


def test_the_newest_jobs_are_listed_first_and_paged(world: StackFixture) -> None:
    newest = [world.submit(batch_len=ONE_BATCH) for _ in range(3)][::-1]
    page = world.api.jobs(limit=2)
    assert [job["job_id"] for job in page["jobs"]] == newest[:2]
    assert page["page"]["has_more"] is True
    rest = world.api.jobs(limit=2, cursor=page["page"]["next_cursor"])
    assert rest["jobs"][0]["job_id"] == newest[2]
    for job_id in newest:
        world.ended(job_id)


def test_failure_1_a_repeated_request_is_answered_again(world: StackFixture) -> None:
    first = world.submit(key="once-and-again")
    assert world.submit(key="once-and-again") == first
    world.ended(first)
    assert world.submit(key="once-and-again") == first
    assert world.submissions(first) == 1


def test_failure_2_the_same_key_with_another_request_is_a_conflict(world: StackFixture) -> None:
    first = world.submit(key="taken")
    with pytest.raises(RequestRejected) as refused:
        world.submit(key="taken", batch_len=50_000)
    assert refused.value.status == 409
    assert refused.value.body["detail"]["code"] == "idempotency_conflict"
    assert world.ended(first)["status"] == "completed"


def test_all_faults_of_a_request_are_named_before_anything_is_done(world: StackFixture) -> None:
    before = world.api.jobs(limit=1)["jobs"]
    with pytest.raises(RequestRejected) as refused:
        world.api.submit(
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
    assert world.api.jobs(limit=1)["jobs"] == before


def test_a_database_that_is_not_there_ends_the_job_with_that_reason(world: StackFixture) -> None:
    job = world.ended(world.submit(db="no_such_db"))
    assert (job["status"], job["phase"], job["error_code"]) == (
        "failed",
        "database_unavailable",
        "database_unavailable",
    )
    assert "not found" in job["error"]


def test_r2_r3_a_transient_failure_is_tried_again_and_nothing_runs_twice(
    world: StackFixture,
) -> None:
    answer = {"category": "transient", "message": "API busy", "retry_after_seconds": 1}
    key = world.trouble(lambda job_id: FaultRule(key=job_id, call=1, answer=answer, exit_code=8))
    job_id = world.submit(key=key)
    job = world.ended(job_id)
    assert job["status"] == "completed"
    assert "error_code" not in job, "R4: a run that goes well clears it"
    retries = [e for e in world.api.events(job_id) if e["event"] == "retry_scheduled"]
    assert [retry["payload"]["category"] for retry in retries] == ["transient"]
    assert retries[0]["payload"]["retry_after_seconds"] >= 1
    assert world.submissions(job_id) == 2


def test_failure_3_a_submit_that_died_after_its_jobs_were_made_is_adopted(
    world: StackFixture,
) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, call=1, crash=True, after_jobs=True))
    job_id = world.submit(key=key)
    assert world.ended(job_id)["status"] == "completed"
    submitted = [e for e in world.api.events(job_id) if e["event"] == "submitted"]
    assert [event["payload"]["decision"] for event in submitted] == ["resumed"]
    assert world.submissions(job_id) == 1


def test_a_batch_that_fails_fails_the_search(world: StackFixture) -> None:
    trouble = JobFaultRule(fail_attempts=9, stderr=WORDS, batches=(1,))
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=trouble))
    job = world.ended(world.submit(key=key))
    assert (job["status"], job["phase"]) == ("failed", "search_failed")
    assert job["error"].startswith(f"{WORDS}; blastn-batch-orchid-its-job-001-")


def test_failure_51_blasts_own_sentence_is_the_error_everywhere(world: StackFixture) -> None:
    job_id = world.submit(additional_options="-gapopen 1 -gapextend 77")
    job = world.ended(job_id)
    text = "BLAST engine error: Error: Gap existence and extension values 1 and 77 are not"
    assert job["phase"] == "search_failed"
    assert job["error"].startswith(text)
    assert "-job-000-" in job["error"]
    assert "failed (BackoffLimitExceeded" in job["error"]
    told = [e["payload"]["error"] for e in world.api.events(job_id) if "error" in e["payload"]]
    assert told == [job["error"]] * 2  # when it was detected, and at its end


def test_failure_52_a_search_without_an_outfmt_can_be_read(world: StackFixture) -> None:
    job_id = world.submit(additional_options="-evalue 1e-20")
    job = world.ended(job_id)
    assert (job["status"], job["config_snapshot"]["outfmt"]) == ("completed", 5)
    assert world.api.get(f"/api/blast/jobs/{job_id}/results/aggregate")["status"] == "ok"


def test_failure_24_an_attempt_that_fails_is_no_failure(world: StackFixture) -> None:
    trouble = JobFaultRule(fail_attempts=1, batches=(1,))
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=trouble))
    assert world.ended(world.submit(key=key))["status"] == "completed"


def test_failure_26_a_marker_without_results_is_not_completed(world: StackFixture) -> None:
    trouble = JobFaultRule(lose_results=True, batches=(1,), markers=("SUCCESS",))
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=trouble))
    job = world.ended(world.submit(key=key))
    assert (job["status"], job["phase"]) == ("failed", "results_missing")
    assert "1 of 2" in job["error"]


def test_failure_25_jobs_that_vanish_after_their_end_are_remembered(world: StackFixture) -> None:
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=JobFaultRule(ttl_seconds=0)))
    job = world.ended(world.submit(key=key))
    assert job["status"] == "completed"
    assert (job["splits_done"], job["splits_total"]) == (2, 2)  # failure 54


def test_r5_two_searches_at_once_see_only_their_own_jobs(world: StackFixture) -> None:
    trouble = JobFaultRule(fail_attempts=9, stderr=WORDS)
    key = world.trouble(lambda job_id: FaultRule(key=job_id, jobs=trouble))
    bad, good = world.submit(key=key), world.submit()
    assert world.ended(bad)["phase"] == "search_failed"
    assert world.ended(good)["phase"] == "completed"
    seen = world.cluster.jobs_of(good)
    assert seen
    assert all(good[-8:] in job.name and not job.failed for job in seen)


def test_a_job_that_is_not_there_is_not_found(world: StackFixture) -> None:
    for job_id in ("job-" + "0" * 32, "nonsense", "%2e%2e"):
        with pytest.raises(RequestRejected) as refused:
            world.api.job(job_id)
        assert (refused.value.status, refused.value.body["detail"]["code"]) == (404, "not_found")
