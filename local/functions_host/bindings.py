"""Input and output bindings: durable clients, contexts, queue outputs."""

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

CLIENT_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
}
"""Timeouts and retries of the queue clients."""

_AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJP"
    "LlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)
"""The connection string for UseDevelopmentStorage=true (source: Azurite's README)."""


class Out(func.Out[Any]):
    """An output binding: the value is sent after the function has succeeded."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


class CallContext(func.Context):
    """The context of one call, for a function with the parameter `context`."""

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
    """`client` is the durable client binding as JSON, set once the host listens."""

    client = ""

    def __init__(self, is_base64: bool) -> None:
        self._is_base64 = is_base64

    def inputs(self, function: Function) -> dict[str, Any]:
        """Durable clients, and the context if the function takes one."""
        clients = [
            binding for binding in function.bindings if binding["type"].lower() == "durableclient"
        ]
        arguments: dict[str, Any] = {str(binding["name"]): self.client for binding in clients}
        return (
            {**arguments, "context": CallContext(function)} if function.takes_context else arguments
        )

    def outputs(self, function: Function) -> dict[str, Out]:
        """An Out for each queue that the function writes to by a parameter."""
        return {
            str(binding["name"]): Out()
            for binding in function.outputs
            if binding["name"] != "$return"
        }

    async def send(self, function: Function, outputs: dict[str, Out], result: Any) -> None:
        """Send the outputs that the function set or returned."""
        for binding in function.outputs:
            value = result if binding["name"] == "$return" else outputs[binding["name"]].get()
            if value is not None:
                await self._write(function, binding, _message_texts(value))

    async def _write(
        self, function: Function, binding: dict[str, Any], texts: Iterable[str]
    ) -> None:
        async with queue_client(function, binding, binding["queueName"]) as queue:
            await create_if_missing(queue)
            for text in texts:
                content = base64.b64encode(text.encode()).decode() if self._is_base64 else text
                await queue.send_message(content)


def queue_client(function: Function, binding: dict[str, Any], name: str) -> QueueClient:
    """A client for a queue in the account of the binding's connection. Raises CannotStart."""
    connection_setting = binding.get("connection") or "AzureWebJobsStorage"
    connection = setting(connection_setting, function.described)
    if connection == "UseDevelopmentStorage=true":
        connection = _AZURITE
    try:
        return QueueClient.from_connection_string(connection, name, **CLIENT_OPTIONS)
    except ValueError as fault:
        text = f"{function.described} needs a connection string in the setting {connection_setting}"
        raise CannotStart(f"{text}: {fault}") from fault


async def create_if_missing(queue: QueueClient) -> None:
    """Create the queue if it does not exist."""
    with contextlib.suppress(ResourceExistsError):
        await queue.create_queue()


def _message_texts(value: Any) -> list[str]:
    """One message per str, bytes, QueueMessage or JSON value; a list gives one per element."""
    if isinstance(value, list | tuple):
        return [text for part in value for text in _message_texts(part)]
    if isinstance(value, func.QueueMessage):
        value = value.get_body()
    if isinstance(value, bytes):
        return [value.decode()]
    return [value if isinstance(value, str) else json.dumps(value)]
