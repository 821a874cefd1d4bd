"""Lists, polls and results by each generation of the dashboard's client."""

import gzip
import json
import uuid
from typing import Any

from shared.contracts.states import Phase
from tests.triggers.http.clients import (
    FASTA,
    FILE,
    HITS,
    Client,
    by_every_generation,
    ok,
    send_json,
    send_request,
    store_completed_job,
    store_job,
)
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import (
    AGGREGATE,
    ALIGNMENTS,
    DETAIL_WITH_HISTORY,
    EVENTS,
    EXECUTION,
    FILE_SHOWN,
    HIT,
    JOBS,
    QUERY,
    RESULTS,
    amiss,
)


def read(app: RunningApp, path: str, shape: Any) -> dict[str, Any]:
    """Check that a response is successful and has the shape."""
    seen = ok(send_json(app, "GET", f"blast/{path}"))
    assert amiss(seen, shape) == []
    return seen


@by_every_generation
async def test_every_generation_pages_through_its_list(
    running_app: RunningApp, client: Client
) -> None:
    db = f"list-{uuid.uuid4().hex}"
    made = [await store_job(running_app, Phase.RUNNING, db) for _ in range(3)]
    others = {
        await store_job(running_app, phase, db) for phase in (Phase.COMPLETED, Phase.CANCELLED)
    }
    seen, cursor = [], ""
    for more in (True, False):
        path = f"jobs?limit=2&status=running&program=blastn&db={db}&cursor={cursor}"
        page = read(running_app, path, JOBS)
        assert (page["page"]["limit"], page["page"]["has_more"]) == (2, more)
        assert page["page"]["returned"] == len(page["jobs"])
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["page"].get("next_cursor", "")
    assert (sorted(seen), cursor) == (sorted(made), "")
    assert {job["job_id"] for job in read(running_app, f"jobs?db={db}", JOBS)["jobs"]} == {
        *made,
        *others,
    }
    wrong = send_json(running_app, "GET", "blast/jobs?limit=501&status=dancing")
    assert "limit" in client.refused(wrong, 422, "validation_error")


@by_every_generation
async def test_every_generation_follows_a_job(running_app: RunningApp, client: Client) -> None:
    job_id = await store_job(running_app, Phase.QUEUED)
    for phase in (Phase.SUBMITTING, Phase.SUBMITTED, Phase.RUNNING):
        await running_app.jobs.update(job_id, phase.value, phase=phase)
    failed = Phase.SEARCH_FAILED
    await running_app.jobs.update(
        job_id, failed.value, phase=failed, error="broken", error_code="jobs_failed"
    )
    seen = read(running_app, f"jobs/{job_id}?history=1", DETAIL_WITH_HISTORY)
    assert (seen["status"], seen["error_code"]) == ("failed", "jobs_failed")
    assert seen["output"]["error"] == "broken"
    history = [event["id"] for event in seen["history"]]
    assert history == ["1", "2", "3", "4", "5"]
    events = read(running_app, f"jobs/{job_id}/events?after={history[1]}", EVENTS)["events"]
    assert events == seen["history"][2:]
    assert read(running_app, f"jobs/{job_id}/events", EVENTS)["events"] == seen["history"]
    steps = read(running_app, f"jobs/{job_id}/execution-steps", EXECUTION)
    assert steps["output"] == steps["custom_status"] == {"steps": seen["custom_status"]["steps"]}
    assert list(steps["output"]["steps"]) == ["preparing", "configuring", "submitting", "running"]
    assert steps["output"]["steps"]["running"]["error"] == "broken"
    wrong = send_json(running_app, "GET", f"blast/jobs/{job_id}/events?after=x")
    assert "after" in client.refused(wrong, 422, "validation_error")


@by_every_generation
async def test_every_generation_reads_the_query_and_config(
    running_app: RunningApp, client: Client
) -> None:
    path = f"jobs/{await store_job(running_app, Phase.RUNNING)}"
    query = read(running_app, f"{path}/query", QUERY)
    assert (query["query_text"], query["size_bytes"]) == (FASTA, len(FASTA))
    assert query["max_bytes"] == 5 * 1024 * 1024
    begun = read(running_app, f"{path}/file?name=input.fa&max_bytes=4", FILE_SHOWN)
    assert (begun["content"], begun["truncated"]) == (FASTA[:4], True)
    config = read(running_app, f"{path}/file?name=elastic-blast.ini", FILE_SHOWN)
    assert (config["name"], config["truncated"]) == ("elastic-blast.ini", False)
    assert "[cluster]" in config["content"]
    wrong = send_json(running_app, "GET", f"blast/{path}/file?name=../secrets")
    assert "name" in client.refused(wrong, 422, "validation_error")


@by_every_generation
async def test_every_generation_reads_results(running_app: RunningApp, client: Client) -> None:
    path = f"jobs/{await store_completed_job(running_app)}/results"
    seen = read(running_app, path, RESULTS)
    assert seen["files"] == seen["results"] == seen["manifest"]["files"]
    assert (seen["manifest"]["status"], seen["manifest"]["file_count"]) == ("available", 1)
    at = f"blast/{path}/{seen['files'][0]['file_id']}"
    whole, part = (
        send_request(running_app, "GET", at),
        send_request(running_app, "GET", at, range="bytes=0-1"),
    )
    assert (whole.status, gzip.decompress(whole.data)) == (200, HITS)
    assert (part.status, part.data) == (206, whole.data[:2])
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert read(running_app, f"{path}/aggregate", AGGREGATE)["stats"]["total_hits"] == 1
    query = f"blob_name={FILE}&max_alignments=1&query_id=q"
    hits = read(running_app, f"{path}/alignments?{query}", ALIGNMENTS)
    assert (hits["blob_name"], hits["returned"], hits["query_ids"]) == (FILE, 1, ["q"])
    for form in ("csv", "tsv", "json"):
        taken = send_request(running_app, "GET", f"blast/{path}/export?format={form}")
        assert taken.status == 200
        assert (b"1.00e-20" if form == "tsv" else b"1e-20") in taken.data
        assert taken.headers["Content-Disposition"].startswith("attachment")
    assert [amiss(hit, HIT) for hit in json.loads(taken.data)["hits"]] == [[]]
    missing = send_json(running_app, "GET", f"blast/{path}/no-such-file")
    assert client.refused(missing, 404, "not_found")


@by_every_generation
async def test_a_search_without_results_tells_whether_the_list_is_final(
    running_app: RunningApp, client: Client
) -> None:
    for phase, status in ((Phase.RUNNING, "pending"), (Phase.SEARCH_FAILED, "no_result_files")):
        job_id = await store_job(running_app, phase)
        seen = read(running_app, f"jobs/{job_id}/results", RESULTS)
        assert (seen["manifest"]["status"], seen["files"]) == (status, [])
        hits = send_json(running_app, "GET", f"blast/jobs/{job_id}/results/alignments")
        assert client.refused(hits, 404, "no_results")
