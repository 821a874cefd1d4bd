"""Cancel, retry and delete by each generation of the dashboard's client."""

import uuid

from shared.contracts.states import Phase
from tests.triggers.http.clients import (
    Client,
    by_every_generation,
    ok,
    send_and_disconnect,
    send_json,
    store_completed_job,
    store_job,
)
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import CANCELLING, DELETED, QUEUED_AGAIN, amiss


def cancelled(app: RunningApp, client: Client, job_id: str) -> tuple[int, dict[str, str]]:
    return send_json(app, "POST", f"blast/jobs/{job_id}/cancel", client.cancels_with)


@by_every_generation
def test_a_repeated_cancel_has_the_same_response(running_app: RunningApp, client: Client) -> None:
    job_id = running_app.submit()
    answers = [cancelled(running_app, client, job_id) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0] == (202, {"job_id": job_id, "task_id": job_id, "status": "cancelling"})


@by_every_generation
async def test_an_ended_job_is_not_cancelled_and_a_cancelled_one_is_reported(
    running_app: RunningApp, client: Client
) -> None:
    job_id = await store_job(running_app, Phase.CANCELLED)
    seen = ok(cancelled(running_app, client, job_id))
    assert amiss(seen, CANCELLING) == []
    assert (seen["job_id"], seen["status"]) == (job_id, "cancelled")
    job_id = await store_job(running_app, Phase.SEARCH_FAILED)
    assert job_id in client.refused(cancelled(running_app, client, job_id), 409, "already_finished")


@by_every_generation
async def test_a_failed_job_is_retried_once_with_the_same_id(
    running_app: RunningApp, client: Client
) -> None:
    path = f"blast/jobs/{await store_job(running_app, Phase.SEARCH_FAILED)}"
    request_id = str(uuid.uuid4())
    send_and_disconnect(running_app, f"{path}/retry", b"{}", request_id)
    answers = [
        send_json(running_app, "POST", f"{path}/retry", {}, x_client_request_id=request_id)
        for _ in range(2)
    ]
    seen = ok(answers[0], 202)
    assert answers[0] == answers[1]
    assert amiss(seen, QUEUED_AGAIN) == []
    assert path.endswith(seen["job_id"])
    assert (await running_app.jobs.get(seen["job_id"])).attempt == 2


@by_every_generation
async def test_an_active_or_invalid_job_is_not_retried(
    running_app: RunningApp, client: Client
) -> None:
    for phase, status, code in (
        (Phase.RUNNING, 409, "not_failed"),
        (Phase.COMPLETED, 409, "not_failed"),
        (Phase.CONFIG_INVALID, 400, "not_retryable"),
    ):
        answer = send_json(
            running_app, "POST", f"blast/jobs/{await store_job(running_app, phase)}/retry", {}
        )
        assert client.refused(answer, status, code)


@by_every_generation
async def test_a_job_is_deleted_once_it_has_ended(running_app: RunningApp, client: Client) -> None:
    running_id = await store_job(running_app, Phase.RUNNING)
    for _ in range(2):  # repeatable
        seen = ok(send_json(running_app, "DELETE", f"blast/jobs/{running_id}"), 202)
        assert seen == {"job_id": running_id, "status": "cancelling"}
    read = ok(send_json(running_app, "GET", f"blast/jobs/{running_id}"))
    assert "delete_requested_at" in read  # its phase is that of the clean-up, which goes on
    job_id = await store_completed_job(running_app)
    for _ in range(2):  # repeatable
        seen = ok(send_json(running_app, "DELETE", f"blast/jobs/{job_id}"))
        assert amiss(seen, DELETED) == []
        assert seen["job_id"] == job_id
    gone = send_json(running_app, "GET", f"blast/jobs/{job_id}")
    assert job_id in client.refused(gone, 404, "not_found")
