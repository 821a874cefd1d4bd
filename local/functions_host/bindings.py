"""What functions are handed beside their trigger: durable clients, contexts, queues to fill."""

import base64
import contextlib
import json
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from local.functions_host.functions import Function
from local.functions_host.settings import CannotStart, setting

PATIENCE: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
}
"""How long storage may take, and how often it is asked again."""

_AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJP"
    "LlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)
"""What UseDevelopmentStorage=true stands for (source: Azurite's README)."""


class Out(func.Out[Any]):
    """What a function sets, to be sent when it has succeeded."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


class Context(func.Context):
    """The context of one call, for a function with a parameter of that name."""

    trace_context: Any = None
    retry_context: Any = None
    thread_local_storage: Any = threading.local()
    function_directory = ""
    function_name = ""
    invocation_id = ""

    def __init__(self, function: Function) -> None:
        self.function_name = function.name
        self.function_directory = str(Path.cwd())
        self.invocation_id = str(uuid.uuid4())


class Bindings:
    """`client` is the durable client binding as JSON, once the host listens."""

    client = ""

    def __init__(self, is_base64: bool) -> None:
        self._is_base64 = is_base64

    def inputs(self, function: Function) -> dict[str, Any]:
        """The durable clients of a function, and its context if it takes one."""
        clients = [one for one in function.bindings if one["type"].lower() == "durableclient"]
        given: dict[str, Any] = {str(one["name"]): self.client for one in clients}
        return {**given, "context": Context(function)} if function.takes_context else given

    def outputs(self, function: Function) -> dict[str, Out]:
        """An Out for each queue that the function writes to by a parameter."""
        return {str(one["name"]): Out() for one in function.outputs if one["name"] != "$return"}

    async def send(self, function: Function, outputs: dict[str, Out], result: Any) -> None:
        """Send what the function set and returned."""
        for one in function.outputs:
            value = result if one["name"] == "$return" else outputs[one["name"]].get()
            if value is not None:
                await self._write(function, one, _texts(value))

    async def _write(
        self, function: Function, binding: dict[str, Any], texts: Iterable[str]
    ) -> None:
        async with queue_client(function, binding, binding["queueName"]) as queue:
            await ensure(queue)
            for text in texts:
                content = base64.b64encode(text.encode()).decode() if self._is_base64 else text
                await queue.send_message(content)


def queue_client(function: Function, binding: dict[str, Any], name: str) -> QueueClient:
    """A client for a queue in the account that the binding names. Raises CannotStart."""
    named = binding.get("connection") or "AzureWebJobsStorage"
    connection = setting(named, function.described)
    if connection == "UseDevelopmentStorage=true":
        connection = _AZURITE
    try:
        return QueueClient.from_connection_string(connection, name, **PATIENCE)
    except ValueError as fault:
        text = f"{function.described} needs a connection string in the setting {named}"
        raise CannotStart(f"{text}: {fault}") from fault


async def ensure(queue: QueueClient) -> None:
    """Create the queue, unless it is there."""
    with contextlib.suppress(ResourceExistsError):
        await queue.create_queue()


def _texts(value: Any) -> list[str]:
    """One message each for a text, bytes, a message, a dict, or what a list holds."""
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    if isinstance(value, func.QueueMessage):
        value = value.get_body()
    if isinstance(value, bytes):
        return [value.decode()]
    return [value if isinstance(value, str) else json.dumps(value)]
