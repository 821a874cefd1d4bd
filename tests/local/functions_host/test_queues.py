"""Queue triggers on a real Azurite, whose clock the tests cannot move."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest

from local.functions_host.clock import EPOCH, ManualClock, SystemClock
from local.functions_host.queues import FIRST_POLL_INTERVAL, LEASE
from local.functions_host.settings import CannotStart
from tests.local.functions_host.hosted_app import TIMEOUT_SECONDS, hosted
from tests.local.functions_host.queue_fixture import Queues, app_with, count, options, texts


async def test_a_message_is_decoded_and_deleted_after_success(state: Path, queues: Queues) -> None:
    given: list[func.QueueMessage] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg)

    await queues.put('{"é": 1}')
    async with hosted(app_with(take), state, SystemClock(), options()) as host:
        await host.log.line("processed")
    (message,) = given
    assert message.get_json() == {"é": 1}
    assert message.dequeue_count == 1
    assert message.id
    assert message.insertion_time is not None
    assert abs(message.insertion_time - datetime.now(UTC)) < timedelta(minutes=1)
    assert await count(queues.main) == 0


async def test_a_failing_message_is_retried_and_moved_to_poison_after_its_last_attempt(
    state: Path, queues: Queues
) -> None:
    counts: list[int | None] = []

    def take(msg: func.QueueMessage) -> None:
        counts.append(msg.dequeue_count)
        raise ValueError("text")

    await queues.put("hopeless")
    async with hosted(app_with(take), state, SystemClock(), options(maxDequeueCount=3)) as host:
        await host.log.line("its last attempt failed")
    assert counts == [1, 2, 3]
    assert await texts(queues.poison) == ["hopeless"]
    assert await count(queues.main) == 0


async def test_a_message_is_invisible_between_two_attempts(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise ValueError("text")

    await queues.put("later")
    queue_options = options(visibilityTimeout="00:10:00")
    async with hosted(app_with(take), state, SystemClock(), queue_options) as host:
        await host.log.line("will be retried")
    assert await texts(queues.main) == []
    assert await count(queues.main) == 1


async def test_message_encoding_none_is_supported(state: Path, queues: Queues) -> None:
    given: list[bytes] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg.get_body())

    await queues.main.send_message("plain")
    async with hosted(
        app_with(take), state, SystemClock(), options(messageEncoding="none")
    ) as host:
        await host.log.line("processed")
    assert given == [b"plain"]


async def test_no_batch_is_received_while_more_than_the_threshold_run(
    state: Path, queues: Queues
) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def take(msg: func.QueueMessage) -> None:
        begun.release()
        assert go_on.wait(TIMEOUT_SECONDS)

    await queues.put(*"abcdefghij")
    queue_options = options(batchSize=4, newBatchThreshold=2)
    async with hosted(app_with(take), state, SystemClock(), queue_options) as host:
        for _ in range(4):
            assert await asyncio.to_thread(begun.acquire, timeout=TIMEOUT_SECONDS)
        assert [len(await texts(queues.main)) for _ in range(5)] == [6] * 5
        go_on.set()
        await host.log.line("processed", times=10)


async def test_a_lease_is_renewed_while_the_function_runs(state: Path, queues: Queues) -> None:
    clock, go_on = ManualClock(), asyncio.Event()

    async def take(msg: func.QueueMessage) -> None:
        await go_on.wait()

    await queues.put("long")
    async with hosted(app_with(take), state, clock, options()) as host:
        for renewal in (1, 2, 3):
            due = EPOCH + renewal * LEASE / 2
            await asyncio.wait_for(clock.awaited(due), TIMEOUT_SECONDS)
            clock.advance_to(due)
        await asyncio.wait_for(clock.awaited(EPOCH + 4 * LEASE / 2), TIMEOUT_SECONDS)
        go_on.set()
        await host.log.line("processed")
    assert await count(queues.main) == 0


async def test_a_message_of_an_interrupted_function_stays_in_the_queue(
    state: Path, queues: Queues
) -> None:
    begun = asyncio.Event()

    async def take(msg: func.QueueMessage) -> None:
        begun.set()
        await asyncio.Event().wait()

    await queues.put("again")
    async with hosted(app_with(take), state, SystemClock(), options()):
        await asyncio.wait_for(begun.wait(), TIMEOUT_SECONDS)
    assert await count(queues.main) == 1


async def test_missing_queues_are_created(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    await queues.main.delete_queue()
    clock = ManualClock()
    async with hosted(app_with(take), state, clock, options()):
        await asyncio.wait_for(clock.awaited(EPOCH + FIRST_POLL_INTERVAL), TIMEOUT_SECONDS)
    assert await count(queues.main) == 0
    assert await count(queues.poison) == 0


@pytest.mark.parametrize(("name", "connection"), [("%NOT_SET%", "STORE"), ("q", "NOT_SET")])
async def test_a_missing_setting_is_named_with_its_function(
    state: Path, name: str, connection: str, queues: Queues
) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    with pytest.raises(CannotStart, match="the function take needs the setting NOT_SET"):
        async with hosted(app_with(take, name, connection), state):
            pass


async def test_an_invalid_connection_string_is_named(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    monkeypatch.setenv("STORE", "https://account.queue.core.windows.net")
    with pytest.raises(CannotStart, match="take needs a connection string in the setting STORE"):
        async with hosted(app_with(take, "q"), state):
            pass


async def test_outputs_and_return_values_are_sent_to_queues(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage, out: func.Out[str]):  # type: ignore[no-untyped-def]
        out.set("set")
        return ["returned", "twice"]

    where = {"queue_name": "%QUEUE%-other", "connection": "STORE"}
    app = app_with(take)
    builder = app._function_builders[0]
    app.queue_output(arg_name="out", **where)(builder)
    app.queue_output(arg_name="$return", **where)(builder)
    await queues.put("go")
    async with hosted(app, state, SystemClock(), options()) as host:
        await host.log.line("processed")
    assert await texts(queues.other) == ["set", "returned", "twice"]


async def test_a_failed_function_sends_no_output(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage, out: func.Out[str]) -> None:
        out.set("set")
        raise ValueError("text")

    app = app_with(take)
    where = {"queue_name": "%QUEUE%-other", "connection": "STORE"}
    app.queue_output(arg_name="out", **where)(app._function_builders[0])
    await queues.other.create_queue()
    await queues.put("go")
    async with hosted(app, state, SystemClock(), options(maxDequeueCount=1)) as host:
        await host.log.line("its last attempt failed")
    assert await texts(queues.other) == []


async def test_a_queue_function_can_be_run_manually(state: Path, queues: Queues) -> None:
    given: list[bytes] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg.get_body())

    async with hosted(app_with(take), state, SystemClock(), options()) as host:
        body = {"input": '{"a": 1}'}
        async with host.http.post("/admin/functions/take", json=body) as answer:
            assert answer.status == 202
    assert given == [b'{"a": 1}']
