"""Reads over HTTP: conditional requests, deleted jobs, files and queries."""

import json
from itertools import count
from typing import Any

import pytest
import urllib3

from shared.contracts.states import LeftOnCluster, Phase
from tests.support.samples import job, search
from tests.triggers.http.conftest import RunningApp
from triggers.auth.callers import LOCAL

NUMBERS = count(100)
JOB_READS = ("", "/events", "/execution-steps", "/query", "/file?name=input.fa", "/results")


async def kept(app: RunningApp, **changes: Any) -> str:
    return (await app.jobs.create(job(next(NUMBERS), owner=LOCAL, **changes), {})).job_id


def json_of(answer: urllib3.BaseHTTPResponse) -> Any:
    return json.loads(answer.data)


@pytest.mark.parametrize(
    "path", ["jobs/{}", "submit/{}/status", "jobs/{}/events", "jobs/{}/execution-steps"]
)
async def test_a_matching_etag_gets_304(running_app: RunningApp, path: str) -> None:
    job_id = await kept(running_app, phase=Phase.RUNNING)
    address = f"blast/{path.format(job_id)}"
    first = running_app.ask("GET", address)
    again = running_app.ask("GET", address, if_none_match=f'"other", {first.headers["ETag"]}')
    assert (first.status, again.status, again.data) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Retry-After"] == again.headers["Retry-After"] == "3"
    await running_app.jobs.update(job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    changed = running_app.ask("GET", address, if_none_match=first.headers["ETag"])
    assert changed.status == 200
    assert "Retry-After" not in changed.headers


async def test_a_job_has_its_steps_and_history(running_app: RunningApp) -> None:
    job_id = await kept(running_app)
    await running_app.jobs.update(job_id, "config_written", phase=Phase.SUBMITTING)
    result = json_of(running_app.ask("GET", f"blast/jobs/{job_id}?history=1"))
    assert list(result["custom_status"]["steps"]) == ["preparing", "configuring", "submitting"]
    assert [event["event"] for event in result["history"]] == ["accepted", "config_written"]
    steps = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/execution-steps"))
    assert steps["output"]["steps"] == result["custom_status"]["steps"]
    later = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/events?after=1"))
    assert [event["id"] for event in later["events"]] == ["2"]


async def test_a_deleted_job_is_not_found_anywhere_and_can_be_deleted_again(
    running_app: RunningApp,
) -> None:
    job_id = await kept(running_app, phase=Phase.COMPLETED)
    for _ in range(2):
        answer = running_app.ask("DELETE", f"blast/jobs/{job_id}")
        assert (answer.status, json_of(answer)) == (200, {"job_id": job_id, "status": "deleted"})
    paths = [f"blast/jobs/{job_id}{rest}" for rest in JOB_READS]
    for path in (*paths, f"blast/submit/{job_id}/status"):
        assert running_app.ask("GET", path).status == 404
    for verb in ("cancel", "retry"):
        assert running_app.ask("POST", f"blast/jobs/{job_id}/{verb}", b"{}").status == 404
    listed = running_app.api.jobs(limit=500)["jobs"]
    assert job_id not in [one["job_id"] for one in listed]


async def test_the_key_of_a_deleted_job_is_a_conflict(running_app: RunningApp) -> None:
    body = {"program": "blastn", "db": "16S", "query_data": ">q\nAC\n", "idempotency_key": "gone"}
    job_id = running_app.api.submit(body)["job_id"]
    await running_app.jobs.update(job_id, "failure_detected", phase=Phase.CANCELLING)
    await running_app.jobs.update(job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)
    assert running_app.ask("DELETE", f"blast/jobs/{job_id}").status == 200
    again = running_app.ask("POST", "blast/jobs", json.dumps(body).encode())
    assert (again.status, again.headers["x-ms-error-code"]) == (409, "idempotency_conflict")


async def test_an_active_job_is_cancelled_and_not_deleted(running_app: RunningApp) -> None:
    job_id = await kept(running_app, phase=Phase.RUNNING)
    answer = running_app.ask("DELETE", f"blast/jobs/{job_id}")
    assert (answer.status, answer.headers["Retry-After"]) == (202, "1")
    stored = await running_app.jobs.get(job_id)
    assert (stored.phase, stored.cancel_requested_at) == (
        Phase.RUNNING,
        stored.delete_requested_at,
    )


async def test_a_search_of_an_active_batch_is_not_deleted(running_app: RunningApp) -> None:
    batch = await kept(running_app, phase=Phase.RUNNING, child_count=1)
    job_id = await kept(running_app, phase=Phase.RUNNING, parent_job_id=batch, child_number=1)
    answer = running_app.ask("DELETE", f"blast/jobs/{job_id}")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (409, "still_running")
    assert (await running_app.jobs.get(job_id)).cancel_requested_at is None


async def test_a_job_of_which_something_may_be_left_is_not_deleted(running_app: RunningApp) -> None:
    job_id = await kept(
        running_app, phase=Phase.SEARCH_FAILED, left_on_cluster=LeftOnCluster.UNKNOWN
    )
    answer = running_app.ask("DELETE", f"blast/jobs/{job_id}")
    assert (answer.status, json_of(answer)["status"]) == (202, "cancelling")
    stored = await running_app.jobs.get(job_id)
    assert stored.phase is Phase.SEARCH_FAILED
    assert stored.delete_requested_at is not None


async def test_lists_are_filtered(running_app: RunningApp) -> None:
    sought = await kept(running_app, phase=Phase.RUNNING, search=search(database="of-filters"))
    await kept(running_app, phase=Phase.COMPLETED, search=search(database="of-filters"))
    result = running_app.api.jobs(status="running", program="blastn", db="of-filters")["jobs"]
    assert [one["job_id"] for one in result] == [sought]


def test_all_faults_of_a_query_string_are_reported_together(running_app: RunningApp) -> None:
    answer = running_app.ask("GET", "blast/jobs?limit=501&status=dancing&program=blat&cursor=%27")
    assert answer.status == 422
    where = {fault["loc"][0] for fault in json_of(answer)["detail"]["errors"]}
    assert where == {"limit", "status", "program", "cursor"}


async def test_the_files_of_a_search_can_be_read(running_app: RunningApp) -> None:
    url = running_app.account.url("queries", "read/me.fa")
    await running_app.blobs.put(url, b">q\nACGT\n")
    job_id = await kept(running_app, search=search(query_url=url))
    file = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/file?name=input.fa&max_bytes=4"))
    assert (file["content"], file["truncated"]) == (">q\nA", True)
    whole = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/file?name=input.fa&max_bytes=8"))
    assert (whole["content"], whole["truncated"]) == (">q\nACGT\n", False)
    query = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/query"))
    assert (query["query_text"], query["size_bytes"]) == (">q\nACGT\n", 8)
    assert running_app.ask("GET", f"blast/jobs/{job_id}/file?name=elastic-blast.ini").status == 404
    assert running_app.ask("GET", f"blast/jobs/{job_id}/file?name=../secrets").status == 422


async def test_a_query_over_the_response_limit_is_refused(running_app: RunningApp) -> None:
    url = running_app.account.url("queries", "long/me.fa")
    await running_app.blobs.put(url, b">q\n" + b"A" * 5 * 1024 * 1024)
    job_id = await kept(running_app, search=search(query_url=url))
    answer = running_app.ask("GET", f"blast/jobs/{job_id}/query")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (413, "query_too_large")


async def test_the_etag_of_a_batch_changes_with_its_searches(running_app: RunningApp) -> None:
    """The batch's row does not, so that the ETag is one of the response's content."""
    job_id = await kept(running_app, phase=Phase.RUNNING, child_count=2)
    seen = running_app.ask("GET", f"blast/jobs/{job_id}")
    tag = seen.headers["ETag"]
    assert running_app.ask("GET", f"blast/jobs/{job_id}", if_none_match=tag).status == 304
    assert json_of(seen)["children"]["queued"] == 2
    await kept(running_app, phase=Phase.COMPLETED, parent_job_id=job_id, child_number=1)
    again = running_app.ask("GET", f"blast/jobs/{job_id}", if_none_match=tag)
    assert again.status == 200
    assert json_of(again)["children"]["completed"] == 1
    (listed,) = json_of(running_app.ask("GET", f"blast/jobs/{job_id}/children?limit=1"))["jobs"]
    assert (listed["parent_job_id"], listed["child_number"]) == (job_id, 1)
    for rest in ("query", "file?name=input.fa"):
        assert running_app.ask("GET", f"blast/jobs/{job_id}/{rest}").status == 404
