"""Queue triggers on a real Azurite, which keeps its own time."""

import asyncio
import base64
import threading
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest
from azure.storage.queue.aio import QueueClient

from local.azurite import Azurite
from local.functions_host.clock import EPOCH, ManualClock, SystemClock
from local.functions_host.queues import FIRST_POLL_INTERVAL, LEASE
from local.functions_host.settings import CannotStart
from tests.local.functions_host.hosted_app import PATIENCE, hosted

QUICK = {"maxPollingInterval": "00:00:00", "visibilityTimeout": "00:00:00", "batchSize": 4}


@dataclass(frozen=True)
class Queues:
    """A queue of the test's own, where its hopeless messages go, and one to write to."""

    main: QueueClient
    poison: QueueClient
    other: QueueClient

    async def put(self, *texts: str) -> None:
        for text in texts:
            await self.main.send_message(base64.b64encode(text.encode()).decode())


@pytest.fixture
async def queues(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Queues]:
    name = f"q{uuid.uuid4().hex}"
    monkeypatch.setenv("STORE", azurite.connection_string)
    monkeypatch.setenv("QUEUE", name)

    def client(suffix: str) -> QueueClient:
        return QueueClient.from_connection_string(azurite.connection_string, name + suffix)

    async with client("") as main, client("-poison") as poison, client("-other") as other:
        await main.create_queue()
        yield Queues(main, poison, other)


async def texts(queue: QueueClient) -> list[str]:
    """The messages that are visible."""
    found = await queue.peek_messages(max_messages=32)
    return [base64.b64decode(str(message.content)).decode() for message in found]


async def count(queue: QueueClient) -> int | None:
    """How many messages there are, leased ones too."""
    return (await queue.get_queue_properties()).approximate_message_count


def app_with(function: Any, name: str = "%QUEUE%", connection: str = "STORE") -> Any:
    app = df.DFApp()
    triggered = app.queue_trigger(arg_name="msg", queue_name=name, connection=connection)
    app.function_name("take")(triggered(function))
    return app


def options(**changes: Any) -> dict[str, Any]:
    return {"extensions": {"queues": {**QUICK, **changes}}}


async def test_a_message_is_handed_over_decoded_and_deleted_once_it_succeeded(
    state: Path, queues: Queues
) -> None:
    given: list[func.QueueMessage] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg)

    await queues.put('{"é": 1}')
    async with hosted(app_with(take), state, SystemClock(), options()) as world:
        await world.heard.line("is done with")
    (message,) = given
    assert message.get_json() == {"é": 1}
    assert message.dequeue_count == 1
    assert message.id
    assert message.insertion_time is not None
    assert abs(message.insertion_time - datetime.now(UTC)) < timedelta(minutes=1)
    assert await count(queues.main) == 0


async def test_a_message_that_fails_is_tried_again_and_buried_after_its_last_try(
    state: Path, queues: Queues
) -> None:
    counts: list[int | None] = []

    def take(msg: func.QueueMessage) -> None:
        counts.append(msg.dequeue_count)
        raise ValueError("text")

    await queues.put("hopeless")
    async with hosted(app_with(take), state, SystemClock(), options(maxDequeueCount=3)) as world:
        await world.heard.line("its last try failed")
    assert counts == [1, 2, 3]
    assert await texts(queues.poison) == ["hopeless"]
    assert await count(queues.main) == 0


async def test_between_two_tries_a_message_is_hidden(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise ValueError("text")

    await queues.put("later")
    found = options(visibilityTimeout="00:10:00")
    async with hosted(app_with(take), state, SystemClock(), found) as world:
        await world.heard.line("will be tried again")
    assert await texts(queues.main) == []
    assert await count(queues.main) == 1


async def test_a_message_whose_every_try_ended_with_the_host_is_buried_untried(
    state: Path, queues: Queues
) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise AssertionError("it must not be tried")

    await queues.put("deadly")
    for _ in range(5):
        async for _message in queues.main.receive_messages(max_messages=1, visibility_timeout=1):
            await queues.main.update_message(_message, visibility_timeout=0)
    async with hosted(app_with(take), state, SystemClock(), options()) as world:
        await world.heard.line("its last try ended with the host")
    assert await texts(queues.poison) == ["deadly"]


async def test_what_is_not_base64_is_buried_untried(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage) -> None:
        raise AssertionError("it must not be tried")

    await queues.main.send_message('{"a": 1}')
    async with hosted(app_with(take), state, SystemClock(), options()) as world:
        await world.heard.line("it is not base64")
    assert await count(queues.poison) == 1


async def test_messages_may_come_without_base64(state: Path, queues: Queues) -> None:
    given: list[bytes] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg.get_body())

    await queues.main.send_message("plain")
    async with hosted(
        app_with(take), state, SystemClock(), options(messageEncoding="none")
    ) as world:
        await world.heard.line("is done with")
    assert given == [b"plain"]


async def test_no_batch_is_taken_while_more_than_the_threshold_run(
    state: Path, queues: Queues
) -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def take(msg: func.QueueMessage) -> None:
        begun.release()
        assert go_on.wait(PATIENCE)

    await queues.put(*"abcdefghij")
    found = options(batchSize=4, newBatchThreshold=2)
    async with hosted(app_with(take), state, SystemClock(), found) as world:
        for _ in range(4):
            assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
        assert [len(await texts(queues.main)) for _ in range(5)] == [6] * 5
        go_on.set()
        await world.heard.line("is done with", times=10)


async def test_a_lease_is_renewed_while_the_function_runs(state: Path, queues: Queues) -> None:
    clock, go_on = ManualClock(), asyncio.Event()

    async def take(msg: func.QueueMessage) -> None:
        await go_on.wait()

    await queues.put("long")
    async with hosted(app_with(take), state, clock, options()) as world:
        for renewal in (1, 2, 3):
            due = EPOCH + renewal * LEASE / 2
            await asyncio.wait_for(clock.awaited(due), PATIENCE)
            clock.advance_to(due)
        await asyncio.wait_for(clock.awaited(EPOCH + 4 * LEASE / 2), PATIENCE)
        go_on.set()
        await world.heard.line("is done with")
    assert await count(queues.main) == 0


async def test_a_message_whose_function_is_cut_off_stays(state: Path, queues: Queues) -> None:
    begun = asyncio.Event()

    async def take(msg: func.QueueMessage) -> None:
        begun.set()
        await asyncio.Event().wait()

    await queues.put("again")
    async with hosted(app_with(take), state, SystemClock(), options()):
        await asyncio.wait_for(begun.wait(), PATIENCE)
    assert await count(queues.main) == 1


async def test_missing_queues_are_made(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    await queues.main.delete_queue()
    clock = ManualClock()
    async with hosted(app_with(take), state, clock, options()):
        await asyncio.wait_for(clock.awaited(EPOCH + FIRST_POLL_INTERVAL), PATIENCE)
    assert await count(queues.main) == 0
    assert await count(queues.poison) == 0


@pytest.mark.parametrize(("name", "connection"), [("%NOT_SET%", "STORE"), ("q", "NOT_SET")])
async def test_a_setting_that_is_missing_is_named_with_its_function(
    state: Path, name: str, connection: str, queues: Queues
) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    with pytest.raises(CannotStart, match="the function take needs the setting NOT_SET"):
        async with hosted(app_with(take, name, connection), state):
            pass


async def test_a_connection_that_is_no_connection_string_is_named(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(msg: func.QueueMessage) -> None: ...

    monkeypatch.setenv("STORE", "https://account.queue.core.windows.net")
    with pytest.raises(CannotStart, match="take needs a connection string in the setting STORE"):
        async with hosted(app_with(take, "q"), state):
            pass


async def test_a_function_writes_to_queues_what_it_sets_and_returns(
    state: Path, queues: Queues
) -> None:
    def take(msg: func.QueueMessage, out: func.Out[str]):  # type: ignore[no-untyped-def]
        out.set("set")
        return ["returned", "twice"]

    where = {"queue_name": "%QUEUE%-other", "connection": "STORE"}
    app = app_with(take)
    builder = app._function_builders[0]
    app.queue_output(arg_name="out", **where)(builder)
    app.queue_output(arg_name="$return", **where)(builder)
    await queues.put("go")
    async with hosted(app, state, SystemClock(), options()) as world:
        await world.heard.line("is done with")
    assert await texts(queues.other) == ["set", "returned", "twice"]


async def test_nothing_is_written_for_a_function_that_failed(state: Path, queues: Queues) -> None:
    def take(msg: func.QueueMessage, out: func.Out[str]) -> None:
        out.set("set")
        raise ValueError("text")

    app = app_with(take)
    where = {"queue_name": "%QUEUE%-other", "connection": "STORE"}
    app.queue_output(arg_name="out", **where)(app._function_builders[0])
    await queues.other.create_queue()
    await queues.put("go")
    async with hosted(app, state, SystemClock(), options(maxDequeueCount=1)) as world:
        await world.heard.line("its last try failed")
    assert await texts(queues.other) == []


async def test_a_queue_function_can_be_run_by_hand(state: Path, queues: Queues) -> None:
    given: list[bytes] = []

    def take(msg: func.QueueMessage) -> None:
        given.append(msg.get_body())

    async with hosted(app_with(take), state, SystemClock(), options()) as world:
        body = {"input": '{"a": 1}'}
        async with world.http.post("/admin/functions/take", json=body) as answer:
            assert answer.status == 202
    assert given == [b'{"a": 1}']
