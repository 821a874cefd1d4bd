"""Failure 36: the last delivery of a message is abandoned while its original id is known."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.queue import QueueMessage

from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import Fault, SettingsInvalid, Unavailable
from shared.settings import Settings
from tests.triggers.queue.queue_fixture import QueueFixture, incoming_message, unavailable
from tests.triggers.queue.test_poison_messages import buried
from triggers.queue import requests
from triggers.queue.requests import LAST_CRASH, LAST_DELIVERY, RequestQueue

KEYLESS: dict[str, Any] = {"external_correlation_id": None}
HOST_JSON = Path(__file__).parents[3] / "host.json"


def test_the_last_delivery_matches_max_dequeue_count() -> None:
    queues = json.loads(HOST_JSON.read_text())["extensions"]["queues"]
    assert queues["maxDequeueCount"] == LAST_DELIVERY


def test_a_message_outlasts_eight_hours_and_its_last_delivery_comes_before_it_expires() -> None:
    """Azure deletes a message after seven days. A host that ends keeps it for its lease."""
    queues = json.loads(HOST_JSON.read_text())["extensions"]["queues"]
    hours, minutes, seconds = map(int, queues["visibilityTimeout"].split(":"))
    interval = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert timedelta(hours=8) <= LAST_DELIVERY * interval
    assert LAST_DELIVERY * timedelta(minutes=10) <= timedelta(days=6, hours=18)


@pytest.mark.parametrize(("count", "delivery"), [(None, 1), (1, 1), (4, 4), (5, 5)])
def test_a_message_has_its_delivery_count(count: int | None, delivery: int) -> None:
    given: Any = QueueMessage(id="m", body=b"{}", dequeue_count=count)  # type: ignore[no-untyped-call]
    assert requests._queue_message(given).delivery == delivery


def wrong_settings() -> Settings:
    raise SettingsInvalid([Fault("BLAST_SIDECAR_URL", "is required")])


@pytest.mark.parametrize("delivery", [1, 5, LAST_DELIVERY])
async def test_failure_36_a_process_with_wrong_settings_decides_nothing_about_a_message(
    world: QueueFixture, delivery: int
) -> None:
    """Neither function may end it: where they raise, the message stays in its queue."""
    functions = RequestQueue(Dependencies(wrong_settings))
    given: Any = QueueMessage(id="m", body=incoming_message().body, dequeue_count=delivery)  # type: ignore[no-untyped-call]
    with pytest.raises(SettingsInvalid):
        await functions.process_request(given, world.durable)
    with pytest.raises(SettingsInvalid):
        await functions.process_poison_message(given)


@pytest.mark.parametrize("keyed", [{}, KEYLESS])
async def test_failure_36_a_message_is_held_while_storage_does_not_answer(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch, keyed: dict[str, Any]
) -> None:
    """It is not answered as if something were wrong with it, and is one search afterwards."""
    for name in ("find", "create"):
        with monkeypatch.context() as away:
            away.setattr(world.jobs, name, unavailable)
            for delivery in (1, LAST_CRASH, LAST_DELIVERY - 1):
                with pytest.raises(Unavailable):
                    await world.deliver(delivery=delivery, **keyed)
    assert world.sent_messages() == []
    await world.deliver(delivery=LAST_CRASH + 1, **keyed)
    await world.deliver(delivery=LAST_CRASH + 2, **keyed)
    assert (await world.job()).phase is Phase.QUEUED
    assert world.statuses() == ["queued"]


async def test_failure_36_a_keyless_message_is_abandoned_with_its_job(world: QueueFixture) -> None:
    world.durable.refuses = {"start_new", "get_status"}
    for delivery in (1, LAST_CRASH, LAST_DELIVERY - 1):
        with pytest.raises(Unavailable):
            await world.deliver(delivery=delivery, **KEYLESS)
    await world.deliver_last(**KEYLESS)
    ended = await world.job()
    assert (ended.phase, ended.error_code) == (Phase.SUBMIT_FAILED, "never_started")
    assert world.statuses() == ["queued", "failed"]
    assert {one["job_id"] for one in world.sent_messages()} == {ended.job_id}
    assert (await buried(world, "m-1"))["job_id"] == ended.job_id
    assert (await buried(world, "m-1"))["kept"] == incoming_message(**KEYLESS).body


async def test_failure_36_the_last_delivery_does_not_change_a_running_search(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.queue.before = unavailable
    with pytest.raises(Unavailable):
        await world.deliver(**KEYLESS)
    running = await world.jobs.update(
        (await world.job()).job_id, "submitting", phase=Phase.SUBMITTING
    )
    world.durable.refuses = {"start_new", "get_status"}
    await world.deliver_last(**KEYLESS)
    assert await world.job() == running
    assert [one["error_code"] for one in world.sent_messages()] == [None] * len(
        world.sent_messages()
    )
    assert {one["job_id"] for one in world.sent_messages()} == {running.job_id}


async def test_failure_36_an_unaccepted_message_is_rejected_in_its_last_delivery(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.jobs, "create", unavailable)
    await world.deliver_last(**KEYLESS)
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"], message["job_id"]) == (
        "failed",
        "not_accepted",
        None,
    )
    assert f"after {LAST_DELIVERY} attempts" in message["error_message"]
    assert (await buried(world, "m-1"))["error_code"] == "not_accepted"


async def test_a_failed_last_delivery_is_left_to_the_poison_queue(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.durable.refuses = {"start_new", "get_status"}
    with monkeypatch.context() as away:
        away.setattr(world.jobs, "update", unavailable)
        with pytest.raises(Unavailable):
            await world.deliver_last(**KEYLESS)
    before = await world.job()
    assert before.phase is Phase.QUEUED


async def test_failure_1_the_outcome_of_a_keyless_poison_message_is_unknown(
    world: QueueFixture,
) -> None:
    """Its search can be running; after `not_accepted` the sender would send it a second time."""
    await world.deliver(message_id="m-1", **KEYLESS)
    before = await world.job()
    await world.deliver_poison(message_id="p-1", **KEYLESS)
    assert await world.job() == before
    assert world.sent_messages()[-1]["error_code"] == "outcome_unknown"
    assert (await buried(world))["error_code"] == "outcome_unknown"


async def test_a_message_whose_processing_crashes_is_abandoned_in_its_fifth_delivery(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.jobs, "find", broken)
    for delivery in range(1, LAST_CRASH):
        with pytest.raises(ZeroDivisionError):
            await world.deliver(delivery=delivery)
    await world.deliver(delivery=LAST_CRASH)
    assert world.sent_messages()[-1]["error_code"] == "internal"
