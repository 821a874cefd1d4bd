"""Poison messages: stored, recorded and answered, without an effect on running jobs."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, Decision, Stage
from shared.contracts.job import Job
from shared.contracts.outcome import Outcome
from shared.contracts.states import Phase
from shared.contracts.storage_urls import DEAD_LETTERS
from shared.errors import Unavailable
from shared.jobs import StepRecord
from tests.support.samples import publish_nothing
from tests.triggers.queue.queue_fixture import SEQUENCE, QueueFixture, incoming_message, unavailable


async def buried(world: QueueFixture, message_id: str = "p-1") -> dict[str, Any]:
    """The dead-letter row of a message; asserts that its blob exists."""
    row = await world.dead.get("requests", message_id)
    assert row is not None
    kept = await world.requests.submissions.blobs.get(row.columns["blob"])
    assert kept is not None
    return {**row.columns, "kept": kept}


async def accepted(world: QueueFixture) -> Job:
    """A job whose start failed and whose message is in the poison queue."""
    world.durable.refuses = {"start_new", "get_status"}
    with pytest.raises(Unavailable):
        await world.deliver()
    return await world.job()


async def test_failure_36_a_job_that_was_never_started_is_failed(world: QueueFixture) -> None:
    job = await accepted(world)
    await world.deliver_poison()
    ended = await world.job()
    assert (ended.phase, ended.error_code) == (Phase.SUBMIT_FAILED, "never_started")
    assert world.statuses() == ["queued", "failed"]
    assert world.sent_messages()[-1]["error_code"] == "never_started"
    assert (await buried(world))["job_id"] == job.job_id
    assert (await buried(world))["kept"] == incoming_message().body
    assert [
        item async for item in world.jobs.index.find_overdue(world.clock() + timedelta(days=9))
    ] == []


async def test_failure_36_a_repeated_poison_message_is_processed_once(world: QueueFixture) -> None:
    await accepted(world)
    await world.deliver_poison()
    once = await world.job()
    await world.deliver_poison()
    assert await world.job() == once
    assert world.statuses() == ["queued", "failed"]


async def test_an_orchestration_that_starts_late_finds_the_job_ended(
    world: QueueFixture,
) -> None:
    stored = await accepted(world)
    await world.deliver_poison()

    async def never(job: Job, input_: ActivityInput) -> Outcome:
        raise AssertionError("nothing is to be done for it")

    settings = world.requests.submissions.settings
    context = ActivityContext(world.jobs, settings, world.clock, publish_nothing)
    report = await context.run_step(Stage.PREPARE, ActivityInput(stored.job_id, 1), never)
    assert (report.phase, report.next_stage) == (Phase.SUBMIT_FAILED, None)


@pytest.mark.parametrize("changes", [{}, {"phase": Phase.SUBMITTING}])
async def test_failure_36_a_started_search_is_not_changed(
    world: QueueFixture, changes: dict[str, Any]
) -> None:
    job = await accepted(world)
    report = Decision(Stage.SUBMIT)
    before = await world.jobs.update(
        job.job_id, "begun", step=StepRecord(1, Stage.PREPARE, report), **changes
    )
    await world.deliver_poison()
    assert await world.job() == before
    assert world.statuses() == (["queued", "running"] if changes else ["queued"])
    assert (await buried(world))["job_id"] == job.job_id


async def test_a_batch_is_left_to_the_reconciler(world: QueueFixture) -> None:
    job = await accepted(world)
    changes: dict[str, Any] = {"child_count": 3}
    parent = await world.jobs.update(job.job_id, "batch", **changes)
    await world.deliver_poison()
    assert await world.job() == parent


async def test_a_retried_job_is_not_failed_by_the_message_of_its_first_attempt(
    world: QueueFixture,
) -> None:
    job = await accepted(world)
    await world.deliver_poison()
    again = await world.jobs.start_attempt(job.job_id, 2, timedelta(hours=1))
    await world.deliver_poison()
    assert await world.job() == again


async def test_failure_36_the_sender_of_an_unaccepted_message_is_notified(
    world: QueueFixture,
) -> None:
    await world.deliver_poison()
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"], message["job_id"]) == (
        "failed",
        "not_accepted",
        None,
    )
    assert (message["external_correlation_id"], message["request_id"]) == ("caller-1", "r-1")
    assert (await buried(world))["error_code"] == "not_accepted"


async def test_failure_2_another_request_with_the_key_does_not_change_the_job(
    world: QueueFixture,
) -> None:
    await world.deliver(idempotency_key="k")
    before = await world.job()
    await world.deliver_poison(idempotency_key="k", db="other")
    assert await world.job() == before
    assert world.sent_messages()[-1]["error_code"] == "idempotency_conflict"


@pytest.mark.parametrize("body", [b"{no", b"\xff\xfe", base64.b64encode(b"\x00\xff"), b""])
async def test_failure_36_an_unreadable_message_is_stored_unchanged(
    world: QueueFixture, body: bytes
) -> None:
    await world.deliver_poison(body)
    assert (await buried(world))["kept"] == body
    assert world.sent_messages()[0]["error_code"] == "malformed_json"


async def test_failure_36_a_crash_does_not_keep_a_message_in_the_queue(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.jobs, "find", broken)
    await world.deliver_poison()
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"]) == ("failed", "internal")
    assert (await buried(world))["error_code"] == "internal"


async def test_failure_36_a_message_stays_if_its_outcome_cannot_be_sent(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(world)
    for name in ("find", "update"):
        with monkeypatch.context() as away:
            away.setattr(world.jobs, name, unavailable)
            with pytest.raises(Unavailable):
                await world.deliver_poison()
    world.queue.before = unavailable
    with pytest.raises(Unavailable):
        await world.deliver_poison()
    await world.deliver_poison()
    assert world.statuses() == ["queued", "failed"]


async def test_failure_22_the_row_of_a_dead_letter_has_no_sequence(world: QueueFixture) -> None:
    await world.deliver_poison(db="../x")
    row = await world.dead.get("requests", "p-1")
    assert row is not None and SEQUENCE not in str(row.columns)


async def test_no_request_can_use_a_stored_dead_letter(world: QueueFixture) -> None:
    await world.deliver_poison()
    url = (await buried(world))["blob"]
    assert f"/{DEAD_LETTERS}/" in url
    await world.deliver(query_fasta=None, query_blob_url=url)
    assert "must be in the container 'queries'" in world.sent_messages()[-1]["error_message"]
