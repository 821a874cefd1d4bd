"""Queue triggers: leases a message while its function runs; moves it to poison at its limit."""

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.queue import QueueMessage
from azure.storage.queue import QueueMessage as Stored
from azure.storage.queue.aio import QueueClient

from local.functions_host.bindings import create_if_missing, queue_client
from local.functions_host.clock import Clock
from local.functions_host.functions import Function
from local.functions_host.invoker import Invoker
from local.functions_host.settings import QueueOptions

log = logging.getLogger("host")
LEASE = timedelta(minutes=10)
"""As on Azure; renewed after half of it."""
FIRST_POLL_INTERVAL = timedelta(milliseconds=100)
POISON = "-poison"
"""A queue whose name ends so has no poison queue of its own, as on Azure."""


@dataclass(frozen=True)
class QueueTrigger:
    """Runs one function for the messages of one queue."""

    function: Function
    options: QueueOptions
    invoker: Invoker
    clock: Clock

    async def run(self) -> None:
        """Listen until cancelled. An interrupted message reappears when its lease ends."""
        running: set[asyncio.Task[None]] = set()
        async with self.client() as queue, self._poison_client() as poison:
            try:
                await self._listen(_Queues(queue, poison), running)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    def client(self, suffix: str = "") -> QueueClient:
        """A client for the queue. Raises CannotStart if its connection is not set."""
        trigger = self.function.trigger
        return queue_client(self.function, trigger, trigger["queueName"] + suffix)

    def _poison_client(self) -> AbstractAsyncContextManager[QueueClient | None]:
        has_none = self.function.trigger["queueName"].endswith(POISON)
        return contextlib.nullcontext() if has_none else self.client(POISON)

    async def run_manually(self, text: str) -> None:
        """Run the function on a message that is not in a queue."""
        with contextlib.suppress(Exception):  # logged by the invoker
            await self.invoker.call(self.function, "by hand", _message(None, text.encode()))

    async def _listen(self, queues: "_Queues", running: set[asyncio.Task[None]]) -> None:
        longest_pause, pause = (
            max(self.options.max_polling_interval, FIRST_POLL_INTERVAL),
            FIRST_POLL_INTERVAL,
        )
        while True:
            if len(running) > self.options.new_batch_threshold:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            messages = await queues.receive(self.options.batch_size)
            for message in messages:
                task = asyncio.create_task(self._handle(queues, message))
                running.add(task)
                task.add_done_callback(running.discard)
            if messages:
                pause = FIRST_POLL_INTERVAL
                continue
            await self.clock.wait(asyncio.Event(), self.clock.now() + pause)
            pause = min(pause * 2, longest_pause)

    async def _handle(self, queues: "_Queues", message: Stored) -> None:
        try:
            if (message.dequeue_count or 0) > self.options.max_dequeue_count:
                await queues.move_to_poison(message, "the host ended during its last attempt")
            elif (body := self._body(message)) is None:
                await queues.move_to_poison(message, "it is not base64")
            elif await self._succeeds(queues, message, body):
                await queues.main.delete_message(message)
                log.debug("message %s processed", message.id)
            elif queues.poison is None:
                log.debug("message %s stays until its lease ends", message.id)
            elif (message.dequeue_count or 0) == self.options.max_dequeue_count:
                await queues.move_to_poison(message, "its last attempt failed")
            else:
                await queues.hide(message, self.options.visibility_timeout)
                log.debug("message %s will be retried", message.id)
        except AzureError as error:
            text = "message %s stays until its lease ends: %s"
            log.warning(text, message.id, type(error).__name__)

    async def _succeeds(self, queues: "_Queues", message: Stored, body: bytes) -> bool:
        async with queues.leased(message, self.clock):
            try:
                description = f"message {message.id}"
                await self.invoker.call(self.function, description, _message(message, body))
            except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
                return False
        return True

    def _body(self, message: Stored) -> bytes | None:
        """The content, decoded by host.json's messageEncoding; None if that fails."""
        content = str(message.content).encode()
        if not self.options.base64:
            return content
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error:
            return None


@dataclass(frozen=True)
class _Queues:
    """A queue and its poison queue, if it has one; both are created when missing."""

    main: QueueClient
    poison: QueueClient | None

    async def receive(self, max_messages: int) -> list[Stored]:
        """Lease messages; empty if the queue cannot be read."""
        lease = int(LEASE.total_seconds())
        try:
            pages = self.main.receive_messages(
                max_messages=max_messages, messages_per_page=max_messages, visibility_timeout=lease
            )
            return [message async for message in pages]
        except ResourceNotFoundError:
            await self._create_queues()
        except AzureError as error:
            log.warning("queue %s cannot be read: %s", self.main.queue_name, error.message)
        return []

    async def _create_queues(self) -> None:
        try:
            await create_if_missing(self.main)
            if self.poison is not None:
                await create_if_missing(self.poison)
        except AzureError as error:  # a queue that is being deleted cannot be created for a while
            log.warning("queue %s cannot be created: %s", self.main.queue_name, error.message)

    @contextlib.asynccontextmanager
    async def leased(self, message: Stored, clock: Clock) -> AsyncIterator[None]:
        """Renew the lease; at the end the message has the receipt needed to delete it."""
        renewal = asyncio.Lock()
        renewing = asyncio.create_task(self._renew(message, clock, renewal))
        try:
            yield
        finally:
            async with renewal:
                renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, message: Stored, clock: Clock, renewal: asyncio.Lock) -> None:
        while True:
            due = clock.now() + LEASE / 2
            while clock.now() < due:
                await clock.wait(asyncio.Event(), due)
            async with renewal:
                with contextlib.suppress(AzureError):  # a later call fails if the lease is lost
                    await self.hide(message, LEASE)

    async def hide(self, message: Stored, span: timedelta) -> None:
        seconds = int(span.total_seconds())
        renewed = await self.main.update_message(message, visibility_timeout=seconds)
        message.pop_receipt = renewed.pop_receipt

    async def move_to_poison(self, message: Stored, reason: str) -> None:
        """Move the message to the poison queue; without one it stays until it expires."""
        if self.poison is None:
            log.error("message %s is processed no more: %s", message.id, reason)
            return
        await create_if_missing(self.poison)
        await self.poison.send_message(message.content)
        await self.main.delete_message(message)
        log.error("message %s moved to %s: %s", message.id, self.poison.queue_name, reason)


def _message(stored: Stored | None, body: bytes) -> QueueMessage:
    """The function's argument."""
    message: QueueMessage = QueueMessage(  # type: ignore[no-untyped-call]
        id=stored and stored.id,
        body=body,
        dequeue_count=stored.dequeue_count if stored else 1,
        expiration_time=stored and stored.expires_on,
        insertion_time=stored and stored.inserted_on,
        time_next_visible=stored and stored.next_visible_on,
        pop_receipt=stored and stored.pop_receipt,
    )
    return message
