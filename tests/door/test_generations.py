"""Each generation of the dashboard's client drives the contract by its own habits."""

import json
import socket
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.demo.following import until
from shared.contracts.states import Phase
from tests.door.conftest import Door

FASTA = ">q\nACGT\n"
OLDEST = {
    "program": "blastn",
    "database": "16S",
    "query_data": FASTA,
    "aks_cluster_name": "local",
    "resource_group": "local",
    "options": {"evalue": 0.05, "outfmt": 5},
}
NEWER = {"program": "blastn", "db": "16S", "query_data": FASTA, "cluster_name": "local"}
NEWEST = {**NEWER, "job_title": "mine", "evalue": 0.05, "colour": "red"}
LIFE = (
    (Phase.SUBMITTING, "Running"),
    (Phase.SUBMITTED, "Running"),
    (Phase.RUNNING, "Running"),
    (Phase.EXPORTING_RESULTS, "Running"),
    (Phase.COMPLETED, "Completed"),
)


def as_oldest(body: dict[str, Any]) -> str:
    sentence = body["error"]
    assert isinstance(sentence, str)
    return sentence


def as_newer(body: dict[str, Any]) -> str:
    sentence: str = body["message"]
    return sentence


def as_newest(body: dict[str, Any]) -> str:
    detail = body["detail"]
    sentence: str = detail if isinstance(detail, str) else detail["message"]
    return sentence


GENERATIONS = [
    pytest.param("submit", OLDEST, as_oldest, id="oldest"),
    pytest.param("jobs", NEWER, as_newer, id="newer"),
    pytest.param("jobs", NEWEST, as_newest, id="newest"),
]


def sent(door: Door, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """As the client sends everything: with a token and an id of its own."""
    named = {
        "authorization": "Bearer whatever",
        "content_type": "application/json",
        "x_client_request_id": str(uuid.uuid4()),
        **headers,
    }
    answer = door.ask(method, path, None if body is None else json.dumps(body).encode(), **named)
    return answer.status, json.loads(answer.data)


@pytest.mark.parametrize(("path", "body", "sentence"), GENERATIONS)
def test_every_generation_submits_polls_and_reads(
    door: Door, path: str, body: dict[str, Any], sentence: Callable[[dict[str, Any]], str]
) -> None:
    status, accepted = sent(door, "POST", f"blast/{path}", body)
    assert (status, accepted["status"]) == (202, "queued")
    job_id = accepted["job_id"]
    assert {accepted[name] for name in ("id", "instance_id", "task_id")} == {job_id}
    polled = accepted["statusQueryGetUri"].removeprefix("/api/")
    until(door.api, job_id, lambda job: job["phase"] == "retrying", 60)  # and rests there
    for phase, runtime in LIFE:
        if door.jobs.get(job_id).phase is not phase:
            door.jobs.update(job_id, phase.value, phase=phase)
        _, seen = sent(door, "GET", polled)
        assert (seen["runtime_status"], seen["custom_status"]["phase"]) == (runtime, phase.value)
        _, read = sent(door, "GET", f"blast/jobs/{job_id}")
        assert (read["runtime_status"], read["phase"]) == (runtime, phase.value)
    assert seen["output"]["status"] == "completed"
    status, refused = sent(door, "POST", f"blast/jobs/{job_id}/cancel", {"cluster_name": "local"})
    assert (status, refused["detail"]["code"]) == (409, "already_finished")
    assert job_id in sentence(refused)


@pytest.mark.parametrize(("path", "body", "sentence"), GENERATIONS)
def test_every_generation_reads_why_it_is_refused(
    door: Door, path: str, body: dict[str, Any], sentence: Callable[[dict[str, Any]], str]
) -> None:
    status, refused = sent(door, "POST", f"blast/{path}", {**body, "program": "blat"})
    assert status == 422
    assert "program" in sentence(refused)
    status, refused = sent(door, "GET", f"blast/jobs/job-{'0' * 32}")
    assert (status, "there is no job" in sentence(refused)) == (404, True)


def test_a_cancel_that_is_said_again_has_the_same_answer(door: Door) -> None:
    job_id = door.submit()
    answers = [sent(door, "POST", f"blast/jobs/{job_id}/cancel", {}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0] == (202, {"job_id": job_id, "task_id": job_id, "status": "cancelling"})


def test_what_was_not_understood_is_told(door: Door) -> None:
    _, accepted = sent(door, "POST", "blast/jobs", NEWEST)
    assert accepted["meta"]["warnings"] == ["colour is not known and was ignored"]


def cut(door: Door, body: bytes, request_id: str) -> None:
    """Send a whole request and go away before it is answered."""
    address = urlsplit(door.url)
    head = (
        f"POST /api/blast/jobs HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"x-client-request-id: {request_id}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as line:
        line.sendall(head.encode() + body)


def test_failure_1_a_post_that_is_sent_again_after_a_cut_connection_is_one_job(door: Door) -> None:
    request_id = str(uuid.uuid4())
    title = f"cut {request_id}"
    body = {**NEWEST, "job_title": title}
    for _ in range(2):
        cut(door, json.dumps(body).encode(), request_id)
    with ThreadPoolExecutor(3) as clients:
        again = [
            clients.submit(sent, door, "POST", "blast/jobs", body, x_client_request_id=request_id)
            for _ in range(3)
        ]
    assert {(one.result()[0], one.result()[1]["job_id"]) for one in again} == {
        (202, again[0].result()[1]["job_id"])
    }
    listed = [one for one in door.api.jobs(limit=500)["jobs"] if one["job_title"] == title]
    assert len(listed) == 1
    replay = door.ask("POST", "blast/submit", json.dumps(body).encode(), idempotency_key=request_id)
    assert (replay.status, replay.headers["Idempotency-Replayed"]) == (202, "true")
    assert json.loads(replay.data)["job_id"] == listed[0]["job_id"]
