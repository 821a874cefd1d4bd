"""Queue triggers: a message is leased while its function runs, and buried after its last try."""

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.queue import QueueMessage
from azure.storage.queue import QueueMessage as Stored
from azure.storage.queue.aio import QueueClient

from local.functions_host.bindings import ensure, queue_client
from local.functions_host.clock import Clock
from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.settings import QueueOptions

log = logging.getLogger("host")
LEASE = timedelta(minutes=10)
"""As on Azure; renewed at half of it."""
FIRST_PAUSE = timedelta(milliseconds=100)


@dataclass(frozen=True)
class QueueTrigger:
    """Listens to one queue for one function."""

    function: Function
    options: QueueOptions
    invoker: Invoker
    clock: Clock

    async def run(self) -> None:
        """Listen until cancelled. A message whose function was cut off comes back by its lease."""
        running: set[asyncio.Task[None]] = set()
        async with self.client() as queue, self.client("-poison") as poison:
            try:
                await self._listen(_Queues(queue, poison), running)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    def client(self, suffix: str = "") -> QueueClient:
        """A client for the queue. Raises CannotStart where its connection is not set."""
        trigger = self.function.trigger
        return queue_client(self.function, trigger, trigger["queueName"] + suffix)

    async def by_hand(self, text: str) -> None:
        """Run the function on a message that is in no queue."""
        with contextlib.suppress(Exception):  # which the invoker has logged
            await self.invoker.call(self.function, "by hand", _message(None, text.encode()))

    async def _listen(self, queues: "_Queues", running: set[asyncio.Task[None]]) -> None:
        slowest, pause = max(self.options.max_polling_interval, FIRST_PAUSE), FIRST_PAUSE
        while True:
            if len(running) > self.options.new_batch_threshold:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            found = await queues.receive(self.options.batch_size)
            for message in found:
                task = asyncio.create_task(self._handle(queues, message))
                running.add(task)
                task.add_done_callback(running.discard)
            if found:
                pause = FIRST_PAUSE
                continue
            await self.clock.wait(asyncio.Event(), self.clock.now() + pause)
            pause = min(pause * 2, slowest)

    async def _handle(self, queues: "_Queues", message: Stored) -> None:
        try:
            if (message.dequeue_count or 0) > self.options.max_dequeue_count:
                await queues.bury(message, "its last try ended with the host")
            elif (body := self._body(message)) is None:
                await queues.bury(message, "it is not base64")
            elif await self._succeeds(queues, message, body):
                await queues.main.delete_message(message)
                log.debug("message %s is done with", message.id)
            elif (message.dequeue_count or 0) == self.options.max_dequeue_count:
                await queues.bury(message, "its last try failed")
            else:
                await queues.hide(message, self.options.visibility_timeout)
                log.debug("message %s will be tried again", message.id)
        except AzureError as trouble:
            text = "message %s is left to its lease: %s"
            log.warning(text, message.id, type(trouble).__name__)

    async def _succeeds(self, queues: "_Queues", message: Stored, body: bytes) -> bool:
        async with queues.leased(message, self.clock):
            try:
                about = f"message {message.id}"
                await self.invoker.call(self.function, about, _message(message, body))
            except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
                return False
        return True

    def _body(self, message: Stored) -> bytes | None:
        """The content, decoded as host.json says; None where it cannot be."""
        content = str(message.content).encode()
        if not self.options.base64:
            return content
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error:
            return None


@dataclass(frozen=True)
class _Queues:
    """A queue and where its hopeless messages go; both are made when they are missed."""

    main: QueueClient
    poison: QueueClient

    async def receive(self, most: int) -> list[Stored]:
        """Messages leased; none while the queue cannot be read."""
        lease = int(LEASE.total_seconds())
        try:
            pages = self.main.receive_messages(
                max_messages=most, messages_per_page=most, visibility_timeout=lease
            )
            return [message async for message in pages]
        except ResourceNotFoundError:
            await self._made()
        except AzureError as trouble:
            log.warning("queue %s cannot be read: %s", self.main.queue_name, trouble.message)
        return []

    async def _made(self) -> None:
        try:
            await ensure(self.main)
            await ensure(self.poison)
        except AzureError as trouble:  # one that is being deleted cannot be made for a while
            log.warning("queue %s cannot be made: %s", self.main.queue_name, trouble.message)

    @contextlib.asynccontextmanager
    async def leased(self, message: Stored, clock: Clock) -> AsyncIterator[None]:
        """Renew the lease in time; at the end the message has the receipt to delete it by."""
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
                with contextlib.suppress(AzureError):  # what follows finds out whose it is by then
                    await self.hide(message, LEASE)

    async def hide(self, message: Stored, span: timedelta) -> None:
        seconds = int(span.total_seconds())
        renewed = await self.main.update_message(message, visibility_timeout=seconds)
        message.pop_receipt = renewed.pop_receipt

    async def bury(self, message: Stored, why: str) -> None:
        """Keep the message where it is not tried any more."""
        await ensure(self.poison)
        await self.poison.send_message(message.content)
        await self.main.delete_message(message)
        log.error("message %s went to %s: %s", message.id, self.poison.queue_name, why)


def _message(stored: Stored | None, body: bytes) -> QueueMessage:
    """What the function is handed."""
    given: QueueMessage = QueueMessage(  # type: ignore[no-untyped-call]
        id=stored and stored.id,
        body=body,
        dequeue_count=stored.dequeue_count if stored else 1,
        expiration_time=stored and stored.expires_on,
        insertion_time=stored and stored.inserted_on,
        time_next_visible=stored and stored.next_visible_on,
        pop_receipt=stored and stored.pop_receipt,
    )
    return given
