"""A queue of the test with its poison queue, and an app with a function for it."""

import base64
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
import pytest
from azure.storage.queue.aio import QueueClient

from local.azurite import Azurite

QUICK = {"maxPollingInterval": "00:00:00", "visibilityTimeout": "00:00:00", "batchSize": 4}


@dataclass(frozen=True)
class Queues:
    """The test's queue, its poison queue, and an output queue."""

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
    """The visible messages."""
    messages = await queue.peek_messages(max_messages=32)
    return [base64.b64decode(str(message.content)).decode() for message in messages]


async def count(queue: QueueClient) -> int | None:
    """The number of messages, leased ones included."""
    return (await queue.get_queue_properties()).approximate_message_count


def app_with(function: Any, name: str = "%QUEUE%", connection: str = "STORE") -> Any:
    app = df.DFApp()
    triggered = app.queue_trigger(arg_name="msg", queue_name=name, connection=connection)
    app.function_name("take")(triggered(function))
    return app


def options(**changes: Any) -> dict[str, Any]:
    return {"extensions": {"queues": {**QUICK, **changes}}}
