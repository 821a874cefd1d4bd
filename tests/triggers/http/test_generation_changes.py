"""Each generation of the dashboard's client cancels, retries and deletes."""

import uuid

from shared.contracts.states import Phase
from tests.triggers.http.clients import Client, by_every_generation, cut, finished, kept, ok, sent
from tests.triggers.http.conftest import Door
from tests.triggers.http.contract import CANCELLING, DELETED, QUEUED_AGAIN, amiss


def cancelled(door: Door, client: Client, job_id: str) -> tuple[int, dict[str, str]]:
    return sent(door, "POST", f"blast/jobs/{job_id}/cancel", client.cancels_with)


@by_every_generation
def test_a_cancel_that_is_said_again_has_the_same_answer(door: Door, client: Client) -> None:
    job_id = door.submit()
    answers = [cancelled(door, client, job_id) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0] == (202, {"job_id": job_id, "task_id": job_id, "status": "cancelling"})


@by_every_generation
def test_what_has_ended_is_not_cancelled_and_what_is_cancelled_is_said_to_be(
    door: Door, client: Client
) -> None:
    job_id = kept(door, Phase.CANCELLED)
    seen = ok(cancelled(door, client, job_id))
    assert amiss(seen, CANCELLING) == []
    assert (seen["job_id"], seen["status"]) == (job_id, "cancelled")
    job_id = kept(door, Phase.SEARCH_FAILED)
    assert job_id in client.refused(cancelled(door, client, job_id), 409, "already_finished")


@by_every_generation
def test_a_failed_job_is_run_again_once_under_its_id(door: Door, client: Client) -> None:
    path = f"blast/jobs/{kept(door, Phase.SEARCH_FAILED)}"
    request_id = str(uuid.uuid4())
    cut(door, f"{path}/retry", b"{}", request_id)
    answers = [
        sent(door, "POST", f"{path}/retry", {}, x_client_request_id=request_id) for _ in range(2)
    ]
    seen = ok(answers[0], 202)
    assert answers[0] == answers[1]
    assert amiss(seen, QUEUED_AGAIN) == []
    assert path.endswith(seen["job_id"])
    assert door.jobs.get(seen["job_id"]).attempt == 2


@by_every_generation
def test_a_job_that_runs_or_was_refused_is_not_run_again(door: Door, client: Client) -> None:
    for phase, status, code in (
        (Phase.RUNNING, 409, "not_failed"),
        (Phase.COMPLETED, 409, "not_failed"),
        (Phase.CONFIG_INVALID, 400, "not_retryable"),
    ):
        answer = sent(door, "POST", f"blast/jobs/{kept(door, phase)}/retry", {})
        assert client.refused(answer, status, code)


@by_every_generation
def test_a_job_is_deleted_once_it_has_ended(door: Door, client: Client) -> None:
    running = sent(door, "DELETE", f"blast/jobs/{kept(door, Phase.RUNNING)}")
    assert client.refused(running, 409, "still_running")
    job_id = finished(door)
    for _ in range(2):  # and may be said again
        seen = ok(sent(door, "DELETE", f"blast/jobs/{job_id}"))
        assert amiss(seen, DELETED) == []
        assert seen["job_id"] == job_id
    gone = sent(door, "GET", f"blast/jobs/{job_id}")
    assert job_id in client.refused(gone, 404, "not_found")
