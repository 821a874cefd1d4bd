"""Messages that are moved to the poison queue without a call, and those of the poison queue."""

import base64
from pathlib import Path

import azure.functions as func
import pytest

from local.functions_host.clock import SystemClock
from tests.local.functions_host.hosted_app import hosted
from tests.local.functions_host.queue_fixture import Queues, app_with, count, options, texts


async def test_a_message_dequeued_too_often_is_moved_to_poison_without_a_call(
    state: Path, queues: Queues
) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise AssertionError("must not be called")

    await queues.put("deadly")
    for _ in range(5):
        async for _message in queues.main.receive_messages(max_messages=1, visibility_timeout=1):
            await queues.main.update_message(_message, visibility_timeout=0)
    async with hosted(app_with(take), state, SystemClock(), options()) as host:
        await host.log.line("the host ended during its last attempt")
    assert await texts(queues.poison) == ["deadly"]


async def test_a_poison_queue_has_no_poison_queue(
    state: Path, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its failed message keeps its lease, and is processed no more after its last attempt."""
    monkeypatch.setenv("QUEUE", queues.poison.queue_name)
    await queues.poison.create_queue()
    await queues.poison.send_message(base64.b64encode(b"failing").decode())

    def take(msg: func.QueueMessage) -> None:
        raise ValueError("text")

    once = options(maxDequeueCount=1)
    async with hosted(app_with(take), state, SystemClock(), once) as host:
        await host.log.line("stays until its lease ends")
    assert (await texts(queues.poison), await count(queues.poison)) == ([], 1)

    await queues.poison.clear_messages()
    await queues.poison.send_message(base64.b64encode(b"over").decode())
    async for message in queues.poison.receive_messages(max_messages=1, visibility_timeout=1):
        await queues.poison.update_message(message, visibility_timeout=0)
    async with hosted(app_with(take), state, SystemClock(), once) as host:
        await host.log.line("is processed no more")
    assert await count(queues.poison) == 1


async def test_a_message_that_is_not_base64_is_moved_to_poison_without_a_call(
    state: Path, queues: Queues
) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise AssertionError("must not be called")

    await queues.main.send_message('{"a": 1}')
    async with hosted(app_with(take), state, SystemClock(), options()) as host:
        await host.log.line("it is not base64")
    assert await count(queues.poison) == 1
