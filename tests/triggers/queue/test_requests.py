"""Request messages: accepted like HTTP requests, and each is answered."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from azure.functions import QueueMessage

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import SettingsInvalid, Unavailable
from shared.jobs import rows
from shared.settings import Settings
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import ENVIRONMENT, settings
from tests.triggers.queue.queue_fixture import (
    BODY,
    SEQUENCE,
    QueueFixture,
    incoming_message,
    unavailable,
)
from triggers.auth.callers import LOCAL
from triggers.queue.requests import MAX_MESSAGE_BYTES, RequestQueue
from triggers.submission.parse import parse


def test_in_local_mode_queue_and_http_have_the_same_owner() -> None:
    assert settings().queue_owner == LOCAL


def test_on_azure_the_queue_owner_must_be_set() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.read(ENVIRONMENT | {"WEBSITE_INSTANCE_ID": "x"})
    assert "BLAST_QUEUE_OWNER_OID" in {fault.path for fault in caught.value.faults}


async def test_a_message_becomes_a_job_and_its_sender_is_notified(
    world: QueueFixture,
) -> None:
    await world.deliver(submission_source="dashboard")
    job = await world.job()
    assert list(world.durable.instances) == [job.job_id]
    assert (job.owner, job.submission_source) == (LOCAL, "queue")
    (message,) = world.sent_messages()
    assert (message["status"], message["job_id"], message["attempt"]) == ("queued", job.job_id, 1)
    assert (message["external_correlation_id"], message["request_id"]) == ("caller-1", "r-1")


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.encodebytes])
async def test_both_encodings_are_read(world: QueueFixture, encode: Any) -> None:
    await world.deliver(
        encode(json.dumps(BODY | {"job_title": "naïve"}, ensure_ascii=False).encode())
    )
    assert (await world.job()).search.title == "naïve"


async def test_failure_1_a_message_delivered_twice_is_one_job(world: QueueFixture) -> None:
    for _ in range(3):
        await world.deliver()
    assert list(world.durable.instances) == [(await world.job()).job_id]
    messages = world.sent_messages()
    assert len(messages) == 3 and len({one["event_id"] for one in messages}) == 1


async def test_failure_1_a_message_delivered_three_times_concurrently_is_one_job(
    world: QueueFixture,
) -> None:
    await asyncio.gather(*(world.deliver() for _ in range(3)))
    assert list(world.durable.instances) == [(await world.job()).job_id]
    assert world.statuses() == ["queued"]


async def test_failure_1_the_message_id_is_the_key_of_a_keyless_message(
    world: QueueFixture,
) -> None:
    keyless: dict[str, Any] = {"external_correlation_id": None}
    await world.deliver(message_id="a", **keyless)
    await world.deliver(message_id="a", **keyless)
    await world.deliver(message_id="b", **keyless)
    assert len(world.durable.instances) == 2


async def test_failure_1_http_and_queue_requests_with_one_key_are_one_job(
    world: QueueFixture,
) -> None:
    job = await world.accept_by_http("caller-1")
    await world.deliver()
    assert (await world.job()).job_id == job.job_id
    assert list(world.durable.instances) == [job.job_id]


async def test_a_queue_message_for_an_http_job_enables_notifications(world: QueueFixture) -> None:
    job = await world.accept_by_http("k", external_correlation_id=None)
    await world.jobs.update(job.job_id, "config_written", phase=Phase.SUBMITTING)
    await world.deliver(idempotency_key="k", request_id="r-2")
    await world.jobs.update(job.job_id, "failure_detected", phase=Phase.CANCELLING)
    ended = await world.jobs.update(job.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)
    await world.requests.outbox.publish_pending(ended)
    assert world.statuses() == ["queued", "running", "failed"]
    assert {one["external_correlation_id"] for one in world.sent_messages()} == {"caller-1"}
    assert {one["request_id"] for one in world.sent_messages()} == {"r-2"}


async def test_concurrent_messages_enable_notifications_once(world: QueueFixture) -> None:
    job = await world.accept_by_http("k", external_correlation_id=None)
    stale = await world.jobs.get(job.job_id)
    await world.deliver(idempotency_key="k")
    await world.requests._republish(parse(BODY, world.requests.submissions.settings), stale)
    event_names = [event.event for event in await world.jobs.events(job.job_id)]
    assert event_names == ["accepted", "notifications_enabled"]


async def test_a_repeated_message_of_an_ended_job_is_answered_at_once(world: QueueFixture) -> None:
    job = await world.accept_by_http("k")
    await world.jobs.update(job.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED, error_code="x")
    await world.deliver(idempotency_key="k", request_id="r-2")
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"], message["request_id"]) == (
        "failed",
        "x",
        "r-2",
    )
    assert list(world.durable.instances) == []


async def test_a_message_while_the_job_ends_is_answered_with_its_end(world: QueueFixture) -> None:
    job = await world.accept_by_http("k")

    async def end() -> None:
        await world.jobs.update(job.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)

    world.queue.before = end
    await world.deliver(idempotency_key="k")
    assert world.statuses() == ["queued", "failed"]


async def test_failure_2_the_same_key_with_another_request_is_refused(world: QueueFixture) -> None:
    await world.deliver(idempotency_key="k")
    before = await world.job()
    await world.deliver(message_id="m-2", idempotency_key="k", db="other", request_id="r-2")
    message = world.sent_messages()[-1]
    assert (message["status"], message["error_code"]) == ("failed", "idempotency_conflict")
    assert (message["job_id"], message["request_id"]) == (None, "r-2")
    assert await world.job() == before
    # The rejection must differ from the completion of the first job, which can come later.
    await world.jobs.update(before.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)
    await world.requests.outbox.publish_pending(await world.job())
    assert world.statuses() == ["queued", "failed", "failed"]


async def test_failure_13_the_next_delivery_starts_a_job_whose_start_failed(
    world: QueueFixture,
) -> None:
    world.durable.refuses = {"start_new", "get_status"}
    with pytest.raises(Unavailable):
        await world.deliver()
    assert (await world.job()).phase is Phase.QUEUED
    world.durable.refuses = set()
    await world.deliver()
    assert list(world.durable.instances) == [(await world.job()).job_id]
    assert world.statuses() == ["queued"]


async def test_failure_13_without_a_job_row_nothing_is_started_and_the_message_stays(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.jobs, "create", unavailable)
    with pytest.raises(Unavailable):
        await world.deliver()
    assert list(world.durable.instances) == []
    assert world.sent_messages() == []


async def test_failure_36_the_next_delivery_sends_an_unsent_answer(
    world: QueueFixture,
) -> None:
    world.queue.before = unavailable
    with pytest.raises(Unavailable):
        await world.deliver()
    await world.deliver()
    assert world.statuses() == ["queued"]


FOREVER_WRONG = {
    "not JSON": b"{no",
    "nothing": b"",
    "not an object": b"[1]",
    "a number": b"1234",
    "not base64": b"====",
    "not UTF-8": b'{"program": "\xff"}',
    "not UTF-8 in base64": base64.b64encode(b'{"\xff'),
    "too deep": b'{"a":' + b"[" * 60_000,
    "too large": json.dumps({"a": "x" * MAX_MESSAGE_BYTES}).encode(),
    "not a search": b"{}",
    "a lone surrogate": json.dumps(BODY | {"job_title": "\ud800"}).encode(),
    "a key that cannot be printed": json.dumps(BODY | {"request_id": "a\nb"}).encode(),
}


@pytest.mark.parametrize("body", FOREVER_WRONG.values(), ids=FOREVER_WRONG)
async def test_failure_36_a_permanent_error_is_answered_and_not_retried(
    world: QueueFixture, body: bytes
) -> None:
    await world.deliver(body)
    await world.deliver(body)
    messages = world.sent_messages()
    assert [one["status"] for one in messages] == ["failed", "failed"]
    assert messages[0]["event_id"] == messages[1]["event_id"]
    assert (
        messages[0]["job_id"] is None and messages[0]["error_code"] and messages[0]["error_message"]
    )
    assert list(world.durable.instances) == []


async def test_all_faults_of_a_message_are_sent_to_its_sender(world: QueueFixture) -> None:
    await world.deliver(db="../x", evalue=-1, num_nodes=1000, query_fasta="no")
    (message,) = world.sent_messages()
    assert message["error_code"] == "validation_error"
    assert message["external_correlation_id"] == "caller-1"
    for name in ("db", "query_data", "evalue", "num_nodes"):
        assert f"{name}:" in message["error_message"]


async def test_client_tokens_are_repeated_unchanged(world: QueueFixture) -> None:
    name = " naïve 検索 " + "x" * 200
    await world.deliver(external_correlation_id=name, idempotency_key="k")
    assert world.sent_messages()[0]["external_correlation_id"] == name


async def test_failure_14_an_invalid_message_does_not_block_the_others(world: QueueFixture) -> None:
    sent = [incoming_message(external_correlation_id=f"c-{n}") for n in range(4)]
    sent[1] = replace(sent[1], body=b"{broken")
    await asyncio.gather(*(world.requests.process(one, world.durable) for one in sent))
    assert len(world.durable.instances) == 3
    assert sorted(one["status"] for one in world.sent_messages()) == ["failed"] + ["queued"] * 3


async def test_failure_22_no_sequence_in_rows_messages_and_inputs(world: QueueFixture) -> None:
    await world.deliver()
    await world.deliver(message_id="m-2", db="../x")
    job = await world.job()
    shown = f"{rows.job_row(job)} {await world.jobs.events(job.job_id)} {world.sent_messages()}"
    assert job.job_id in shown
    assert SEQUENCE not in shown


async def test_invalid_settings_are_not_an_error_of_the_message() -> None:
    """The function raises, so that the queue keeps the message; nothing is opened or answered."""
    queue = RequestQueue(Dependencies(lambda: Settings.read({})))
    message = QueueMessage(id="m-1", body=json.dumps(BODY))
    with pytest.raises(SettingsInvalid):
        await queue.process_request(message, FakeDurable(Clock()))
    with pytest.raises(SettingsInvalid):
        await queue.process_poison_message(message)


async def test_failure_56_a_message_is_read_as_a_request_over_http(world: QueueFixture) -> None:
    await world.deliver(message_id="m-1", query_fasta=f">q\n{SEQUENCE}\n >r\n{SEQUENCE}\n")
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"]) == ("failed", "invalid_query_fasta")
    assert "line 3 has white space before '>'" in message["error_message"]
    await world.deliver(message_id="m-2", query_fasta=f"\ufeff;c\r\n>q\r\n{SEQUENCE} 1\r\n")
    stored = await world.requests.submissions.blobs.get((await world.job()).search.query_url)
    assert stored == f">q\n{SEQUENCE}\n".encode()


async def test_of_two_messages_with_one_key_at_the_same_time_each_gets_its_reply(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = world.jobs.create

    async def overtaken(job: Job, payload: dict[str, Any], **more: Any) -> Job:
        monkeypatch.setattr(world.jobs, "create", create)
        await world.deliver(message_id="m-2", idempotency_key="k", request_id="r-2")
        return await create(job, payload, **more)

    monkeypatch.setattr(world.jobs, "create", overtaken)
    await world.deliver(message_id="m-1", idempotency_key="k", request_id="r-1")
    assert {(each["status"], each["request_id"]) for each in world.sent_messages()} == {
        ("queued", "r-1"),
        ("queued", "r-2"),
    }
    assert len(world.durable.instances) == 1
