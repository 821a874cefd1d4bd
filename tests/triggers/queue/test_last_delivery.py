"""Failure 36: the last delivery of a message is abandoned while its original id is known."""

import json
from pathlib import Path
from typing import Any

import pytest
from azure.functions.queue import QueueMessage

from shared.contracts.states import Phase
from shared.errors import Unavailable
from tests.triggers.queue.queue_fixture import BODY, QueueFixture, incoming_message, unavailable
from tests.triggers.queue.test_poison_messages import buried
from triggers.queue import requests
from triggers.queue.requests import LAST_DELIVERY

KEYLESS: dict[str, Any] = {"external_correlation_id": None}
HOST_JSON = Path(__file__).parents[3] / "host.json"


def test_the_last_delivery_matches_max_dequeue_count() -> None:
    queues = json.loads(HOST_JSON.read_text())["extensions"]["queues"]
    assert queues["maxDequeueCount"] == LAST_DELIVERY


@pytest.mark.parametrize(("count", "is_last"), [(None, False), (1, False), (4, False), (5, True)])
def test_a_message_has_its_delivery_count(count: int | None, is_last: bool) -> None:
    given: Any = QueueMessage(id="m", body=b"{}", dequeue_count=count)  # type: ignore[no-untyped-call]
    assert requests._queue_message(given).is_last_delivery is is_last


async def test_failure_36_a_keyless_message_is_abandoned_with_its_job(world: QueueFixture) -> None:
    world.durable.refuses = {"start_new", "get_status"}
    for _ in range(LAST_DELIVERY - 1):
        with pytest.raises(Unavailable):
            await world.deliver(**KEYLESS)
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


async def test_a_crash_does_not_keep_a_message_in_its_last_delivery(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.jobs, "find", broken)
    with pytest.raises(ZeroDivisionError):
        await world.deliver(json.dumps(BODY).encode())
    await world.deliver_last(json.dumps(BODY).encode())
    assert world.sent_messages()[-1]["error_code"] == "internal"
