"""Queue triggers: a message is leased while its function runs, and poisoned after the last try."""

import asyncio
import base64
import binascii
import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import azure.functions as func
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.queue import QueueMessage as Stored
from azure.storage.queue.aio import QueueClient

from local.functions_host.clock import Clock
from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.settings import QueueOptions

log = logging.getLogger("host")
LEASE = timedelta(minutes=10)
"""As on Azure; renewed at half of it."""
FIRST_PAUSE = timedelta(milliseconds=100)
PATIENCE: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 2,
    "retry_backoff_factor": 0.3,
}


@dataclass(frozen=True)
class QueueTrigger:
    """Listens to one queue for one function."""

    function: Function
    connection: str
    options: QueueOptions
    invoker: Invoker
    clock: Clock

    async def run(self) -> None:
        """Listen until cancelled. A message whose function was cut off comes back by its lease."""
        name = self.function.trigger["queueName"]
        async with self._client(name) as queue, self._client(f"{name}-poison") as poison:
            pause = FIRST_PAUSE
            running: set[asyncio.Task[None]] = set()
            try:
                while True:
                    found = await self._next(queue, poison, running)
                    pause = FIRST_PAUSE if found else min(pause * 2, self._slowest)
                    if not found:
                        until = self.clock.now() + pause
                        await self.clock.wait(asyncio.Event(), until)
                    elif len(running) > self.options.new_batch_threshold:
                        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    @property
    def _slowest(self) -> timedelta:
        return max(self.options.max_polling_interval, FIRST_PAUSE)

    async def _next(
        self, queue: QueueClient, poison: QueueClient, running: set[asyncio.Task[None]]
    ) -> bool:
        """Take up a batch; whether there was any. A queue that is away is asked again later."""
        try:
            await _ensure(queue)
            batch = queue.receive_messages(
                max_messages=self.options.batch_size,
                messages_per_page=self.options.batch_size,
                visibility_timeout=int(LEASE.total_seconds()),
            )
            found = [message async for message in batch]
        except AzureError as trouble:
            log.warning("queue %s cannot be read: %s", queue.queue_name, type(trouble).__name__)
            return False
        for message in found:
            task = asyncio.create_task(self._handle(queue, poison, message))
            running.add(task)
            task.add_done_callback(running.discard)
        return bool(found)

    async def _handle(self, queue: QueueClient, poison: QueueClient, message: Stored) -> None:
        renewing = asyncio.create_task(self._renew(queue, message))
        try:
            given = {self.function.argument: _given(message, self.options.base64)}
            await self.invoker.call(self.function, f"message {message.id}", **given)
        except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
            await _stopped(renewing)
            await self._give_back(queue, poison, message)
        else:
            await _stopped(renewing)
            await queue.delete_message(message)

    async def _renew(self, queue: QueueClient, message: Stored) -> None:
        while True:
            await self.clock.wait(asyncio.Event(), self.clock.now() + LEASE / 2)
            await self._hide(queue, message, LEASE)

    async def _give_back(self, queue: QueueClient, poison: QueueClient, message: Stored) -> None:
        """Let it be tried again, or after the last try keep it where it is not tried any more."""
        if (message.dequeue_count or 0) < self.options.max_dequeue_count:
            await self._hide(queue, message, self.options.visibility_timeout)
            return
        await _ensure(poison)
        await poison.send_message(message.content)
        await queue.delete_message(message)
        log.error("message %s went to %s", message.id, poison.queue_name)

    async def _hide(self, queue: QueueClient, message: Stored, span: timedelta) -> None:
        seconds = int(span.total_seconds())
        renewed = await queue.update_message(message, visibility_timeout=seconds)
        message.pop_receipt = renewed.pop_receipt

    def _client(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(self.connection, name, **PATIENCE)


async def _ensure(queue: QueueClient) -> None:
    with contextlib.suppress(ResourceExistsError):
        await queue.create_queue()


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _given(message: Stored, is_base64: bool) -> func.QueueMessage:
    """What the function is handed."""
    from azure.functions.queue import QueueMessage

    body = str(message.content).encode()
    if is_base64:
        with contextlib.suppress(binascii.Error):  # what is no base64 is handed over as it is
            body = base64.b64decode(body, validate=True)
    given: func.QueueMessage = QueueMessage(  # type: ignore[no-untyped-call]
        id=message.id,
        body=body,
        dequeue_count=message.dequeue_count,
        expiration_time=message.expires_on,
        insertion_time=message.inserted_on,
        time_next_visible=message.next_visible_on,
        pop_receipt=message.pop_receipt,
    )
    return given
