"""Submit and cancel over HTTP: repeated and late requests."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from local.azurite import Azurite
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from tests.support.samples import job
from tests.triggers.auth.app import Answer, App, routes, running
from triggers.auth.callers import LOCAL
from triggers.http.jobs import MAX_KEY_LENGTH

ROUTES = routes()
SEARCH = {"program": "blastn", "db": "nt", "query_data": ">q\nACGTACGTACGT"}
KEY_HEADERS = ("Idempotency-Key", "Repeatability-Request-ID", "x-client-request-id")


@pytest.fixture(scope="module")
async def app(azurite: Azurite) -> AsyncIterator[App]:
    async with running(azurite, auth_mode="local") as app:
        yield app


async def submit(app: App, headers: dict[str, str], **changes: Any) -> Answer:
    return await app.ask(ROUTES["submit_job"], headers, body=SEARCH | changes)


async def cancel(app: App, stored: Job) -> Answer:
    return await app.ask(ROUTES["cancel_job"], {}, {"id": stored.job_id}, {})


async def kept(app: App, **changes: Any) -> Job:
    return await app.clients.jobs.create(job(uuid.uuid4().int, owner=LOCAL, **changes), {})


@pytest.mark.parametrize("name", KEY_HEADERS)
async def test_failure_1_a_replay_has_the_body_of_the_first_response(app: App, name: str) -> None:
    headers = {name: str(uuid.uuid4())}
    first = await submit(app, headers)
    await app.clients.jobs.update(first.body["job_id"], "submitting", phase=Phase.SUBMITTING)
    running = await submit(app, headers)
    for phase in (Phase.CANCELLING, Phase.SUBMIT_FAILED):
        await app.clients.jobs.update(first.body["job_id"], "failed", phase=phase)
    ended = await submit(app, headers)
    assert (first.body["status"], first.body["phase"]) == ("queued", "queued")
    assert first.body == running.body == ended.body
    replayed = [one.headers.get("Idempotency-Replayed") for one in (first, running, ended)]
    assert replayed == [None, "true", "true"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Idempotency-Key": "k-1", "Repeatability-Request-ID": "k-2"}, {}),
        ({"Idempotency-Key": "k-1"}, {"idempotency_key": "k-2"}),
    ],
)
async def test_failure_1_two_different_keys_are_refused_by_name(
    app: App, headers: dict[str, str], body: dict[str, str]
) -> None:
    listed = (await app.clients.jobs.index.page(LOCAL, 500, "", {})).jobs
    refused = await submit(app, headers, **body)
    assert refused.status == 422
    places = [fault["loc"] for fault in refused.body["detail"]["errors"]]
    assert places == [[name] for name in (*headers, *body)]
    assert "send one of them" in refused.body["detail"]["errors"][0]["msg"]
    assert (await app.clients.jobs.index.page(LOCAL, 500, "", {})).jobs == listed


async def test_failure_1_a_retry_with_two_different_keys_is_refused_by_name(app: App) -> None:
    failed = await kept(app, phase=Phase.SEARCH_FAILED)
    keys = {"Idempotency-Key": "k-1", "Repeatability-Request-ID": "k-2"}
    refused = await app.ask(ROUTES["retry_job"], keys, {"id": failed.job_id})
    assert refused.status == 422
    assert [fault["loc"] for fault in refused.body["detail"]["errors"]] == [[name] for name in keys]
    assert (await app.clients.jobs.get(failed.job_id)).attempt == 1


async def test_a_response_has_the_id_of_its_request(app: App) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [
        await submit(app, key | {"x-client-request-id": "first"}, request_id="named"),
        await submit(app, key | {"x-client-request-id": "second"}),
        await submit(app, key, request_id="third"),
    ]
    assert [one.body["meta"]["request_id"] for one in answers] == ["first", "second", "third"]
    assert len({one.body["job_id"] for one in answers}) == 1


@pytest.mark.parametrize("name", KEY_HEADERS)
async def test_a_key_that_is_too_long_is_a_fault_of_its_header(app: App, name: str) -> None:
    assert (await submit(app, {name: "k" * MAX_KEY_LENGTH})).status == 202
    refused = await submit(app, {name: "k" * (MAX_KEY_LENGTH + 1)})
    assert (refused.status, refused.code) == (422, "validation_error")
    assert [fault["loc"] for fault in refused.body["detail"]["errors"]] == [[name]]
    stored = await kept(app, phase=Phase.SEARCH_FAILED)
    again = await app.ask(
        ROUTES["retry_job"], {name: "k" * (MAX_KEY_LENGTH + 1)}, {"id": stored.job_id}
    )
    assert (again.status, again.code) == (422, "validation_error")
    assert await app.clients.jobs.get(stored.job_id) == stored


@pytest.mark.parametrize(
    ("end", "status", "status_or_code"),
    [(Phase.CANCELLED, 200, "cancelled"), (Phase.TIMED_OUT, 409, "already_finished")],
)
async def test_failure_33_a_cancel_while_the_job_ends_reports_its_end(
    app: App, monkeypatch: pytest.MonkeyPatch, end: Phase, status: int, status_or_code: str
) -> None:
    stored, jobs = await kept(app, phase=Phase.CANCELLING), app.clients.jobs
    request_cancel = jobs.request_cancel

    async def too_late(job_id: str) -> Job:
        if not (await jobs.get(job_id)).phase.is_end:
            await jobs.update(job_id, "ended", phase=end)
        return await request_cancel(job_id)

    monkeypatch.setattr(jobs, "request_cancel", too_late)
    answer = await cancel(app, stored)
    assert answer.status == status
    assert status_or_code in (answer.body.get("status"), answer.headers.get("x-ms-error-code"))
    assert [event.event for event in await jobs.events(stored.job_id)] == ["accepted", "ended"]


URL_FIELDS = ["db", "query_file", "query_blob_url", "storage_account"]


@pytest.mark.parametrize("route", ["submit_job", "submit_job_legacy"])
@pytest.mark.parametrize("field", URL_FIELDS)
async def test_a_malformed_url_is_a_fault_of_the_request(app: App, route: str, field: str) -> None:
    answer = await app.ask(ROUTES[route], {}, body=SEARCH | {field: "https://[x"})
    assert (answer.status, answer.code) == (422, "validation_error")


@pytest.mark.parametrize("field", URL_FIELDS)
async def test_pre_flight_is_not_ready_with_a_malformed_url(app: App, field: str) -> None:
    answer = await app.ask(ROUTES["pre_flight"], {}, body=SEARCH | {field: "https://[x"})
    assert (answer.status, answer.body["ready"]) == (200, False)


async def test_failure_33_a_cancel_with_a_stale_row_writes_no_second_event(
    app: App,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = await kept(app, phase=Phase.RUNNING)
    assert (await cancel(app, stored)).status == 202

    async def stale(*_: object) -> Job:
        return stored

    with monkeypatch.context() as before:
        before.setattr("triggers.http.jobs.visible_job", stale)
        assert (await cancel(app, stored)).status == 202
    event_names = [event.event for event in await app.clients.jobs.events(stored.job_id)]
    assert event_names.count("cancel_requested") == 1


async def unconfirmed(app: App, **changes: Any) -> Job:
    """A failed job whose clean-up is unconfirmed."""
    ended = {"phase": Phase.SEARCH_FAILED, "left_on_cluster": LeftOnCluster.UNKNOWN}
    return await kept(app, **(ended | changes))


async def test_failure_34_a_failed_job_can_be_cancelled_until_its_cleanup_is_confirmed(
    app: App,
) -> None:
    stored, jobs = await unconfirmed(app), app.clients.jobs
    first = await cancel(app, stored)
    assert (first.status, first.body["status"]) == (202, "cancelling")
    due = [
        job_id
        async for _, job_id in jobs.index.find_overdue(app.clients.now() + timedelta(seconds=1))
    ]
    assert stored.job_id in due, "upkeep cleans it up at its next tick"
    assert await jobs.get(stored.job_id) == stored, "the end of a job does not change"
    await jobs.confirm_cleanup(stored, {"proof": "nothing is left"})
    for _ in range(2):
        proven = await cancel(app, stored)
        assert (proven.status, proven.body["status"]) == (200, "cancelled")
    shown = (await app.ask(ROUTES["read_job"], {}, {"id": stored.job_id})).body
    assert (shown["status"], shown["left_on_cluster"]) == ("failed", "none")


async def test_failure_34_a_cancel_retries_an_abandoned_cleanup_once(app: App) -> None:
    stored, jobs = await unconfirmed(app), app.clients.jobs
    await jobs.abandon_cleanup(stored, {"why": "the cluster does not answer"})
    assert (await cancel(app, stored)).status == 202
    due = [
        job_id
        async for _, job_id in jobs.index.find_overdue(app.clients.now() + timedelta(seconds=1))
    ]
    assert stored.job_id in due


async def test_left_on_cluster_is_shown_for_failed_jobs_and_wherever_it_is_unknown(
    app: App,
) -> None:
    shown = (await app.ask(ROUTES["read_job"], {}, {"id": (await unconfirmed(app)).job_id})).body
    assert shown["left_on_cluster"] == "unknown"
    for phase in (Phase.RUNNING, Phase.COMPLETED):
        other = (
            await app.ask(ROUTES["read_job"], {}, {"id": (await kept(app, phase=phase)).job_id})
        ).body
        assert "left_on_cluster" not in other
        retried = await kept(app, phase=phase, attempt=2, left_on_cluster=LeftOnCluster.UNKNOWN)
        after_retry = (await app.ask(ROUTES["read_job"], {}, {"id": retried.job_id})).body
        assert after_retry["left_on_cluster"] == "unknown"
