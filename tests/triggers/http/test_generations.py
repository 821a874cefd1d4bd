"""Submitting and polling by each generation of the dashboard's client."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import NoneType

import pytest

from local.demo.polling import until
from shared.contracts.states import Phase
from tests.triggers.http.clients import (
    NEWEST,
    Client,
    by_every_generation,
    ok,
    send_and_disconnect,
    send_json,
    store_job,
)
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import ACCEPTED, DETAIL, JOB_ID, RUNTIME_STATUS, amiss

LIFE = (
    (Phase.SUBMITTING, "Running"),
    (Phase.SUBMITTED, "Running"),
    (Phase.RUNNING, "Running"),
    (Phase.EXPORTING_RESULTS, "Running"),
    (Phase.COMPLETED, "Completed"),
)
WORDS = (
    (Phase.QUEUED, "Pending"),
    (Phase.RUNNING, "Running"),
    (Phase.COMPLETED, "Completed"),
    (Phase.SEARCH_FAILED, "Failed"),
    (Phase.TIMED_OUT, "Failed"),
    (Phase.CANCELLING, "Running"),
    (Phase.CANCELLED, "Canceled"),
)


@by_every_generation
async def test_every_generation_submits_polls_and_reads(
    running_app: RunningApp, client: Client
) -> None:
    accepted = ok(
        send_json(running_app, "POST", f"blast/{client.submits_to}", client.search(running_app)),
        202,
    )
    assert amiss(accepted, ACCEPTED) == []
    job_id = accepted[client.id_name]
    assert {accepted[name] for name in ("job_id", "id", "instance_id", "task_id")} == {job_id}
    polled = accepted[client.polls].removeprefix("/api/")
    until(running_app.api, job_id, lambda job: job["phase"] == "retrying", 60)  # and waits there
    for phase, runtime in LIFE:
        if (await running_app.jobs.get(job_id)).phase is not phase:
            await running_app.jobs.update(job_id, phase.value, phase=phase)
        for path in (polled, f"blast/submit/{job_id}/status", f"blast/jobs/{job_id}"):
            seen = ok(send_json(running_app, "GET", path))
            status = (seen["runtime_status"], seen["custom_status"]["phase"])
            assert status == (runtime, phase.value)
            assert amiss(seen, RUNTIME_STATUS if path.endswith("/status") else DETAIL) == []
    assert seen["phase"] == "completed"
    assert seen["output"]["status"] == "completed"
    assert seen["config_snapshot"]["evalue"] == 0.05
    assert seen["config_snapshot"]["outfmt"] == 5
    answer = send_json(running_app, "POST", f"blast/jobs/{job_id}/cancel", client.cancels_with)
    assert job_id in client.refused(answer, 409, "already_finished")


@pytest.mark.parametrize(("phase", "word"), WORDS)
async def test_the_old_status_uses_durable_functions_terms(
    running_app: RunningApp, phase: Phase, word: str
) -> None:
    job_id = await store_job(running_app, phase)
    seen = ok(send_json(running_app, "GET", f"blast/submit/{job_id}/status"))
    assert amiss(seen, RUNTIME_STATUS) == []
    assert (seen["runtime_status"], seen["output"] is None) == (word, not phase.is_end)


@by_every_generation
def test_every_generation_reads_the_error_message(running_app: RunningApp, client: Client) -> None:
    wrong = client.search(running_app, program="blat")
    answer = send_json(running_app, "POST", f"blast/{client.submits_to}", wrong)
    assert "program" in client.refused(answer, 422, "validation_error")
    assert [fault["loc"] for fault in answer[1]["detail"]["errors"]] == [["program"]]
    answer = send_json(running_app, "GET", f"blast/jobs/job-{'0' * 32}")
    assert "there is no job" in client.refused(answer, 404, "not_found")


@by_every_generation
def test_failure_1_a_post_repeated_after_a_lost_connection_is_one_job(
    running_app: RunningApp, client: Client
) -> None:
    path, request_id = f"blast/{client.submits_to}", str(uuid.uuid4())
    title = f"cut {request_id}"
    body = client.search(running_app, job_title=title)
    for _ in range(2):
        send_and_disconnect(running_app, path, json.dumps(body).encode(), request_id)
    with ThreadPoolExecutor(3) as clients:
        again = [
            clients.submit(
                send_json, running_app, "POST", path, body, x_client_request_id=request_id
            )
            for _ in range(3)
        ]
    assert {(one.result()[0], one.result()[1]["job_id"]) for one in again} == {
        (202, again[0].result()[1]["job_id"])
    }
    bodies = [one.result()[1] for one in again]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["meta"]["request_id"] == request_id
    listed = [one for one in running_app.api.jobs(limit=500)["jobs"] if one["job_title"] == title]
    assert len(listed) == 1
    replay = running_app.ask(
        "POST", "blast/submit", json.dumps(body).encode(), idempotency_key=request_id
    )
    assert (replay.status, replay.headers["Idempotency-Replayed"]) == (202, "true")
    assert json.loads(replay.data)["job_id"] == listed[0]["job_id"]
    assert replay.headers["Location"] == f"/api/blast/jobs/{listed[0]['job_id']}"
    assert replay.headers["Retry-After"] == "5"


def test_unknown_fields_are_named_in_warnings(running_app: RunningApp) -> None:
    accepted = ok(send_json(running_app, "POST", "blast/jobs", NEWEST.search(running_app)), 202)
    assert accepted["meta"]["warnings"] == ["colour is an unknown field and is ignored"]


def test_the_shape_check_finds_differences() -> None:
    right = {"instance_id": f"job-{'0' * 32}", "latest": 1}
    shape = {"instance_id": JOB_ID, "latest": (int, NoneType), "words?": [{"a", "b"}]}
    assert amiss(right, shape) == []
    assert amiss({**right, "latest": True}, shape) == ["it.latest is True"]
    assert amiss({**right, "words": ["a", "c"]}, shape) == ["it.words.1 is 'c'"]
    assert amiss({"latest": None, "word": []}, shape) == [
        "it.instance_id is missing",
        "it.word is not in the contract",
    ]
