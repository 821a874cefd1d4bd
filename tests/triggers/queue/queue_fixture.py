"""The queue's handlers over Azurite, with a durable client that records calls."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from azure.storage.queue import QueueClient, aio

from shared.clients.queues import Queue
from shared.clients.tables import Table
from shared.contracts.job import Job
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from triggers.auth.callers import LOCAL
from triggers.queue.requests import LAST_DELIVERY, IncomingMessage, RequestProcessor
from triggers.submission.parse import parse

SEQUENCE = "ACGTTGCATGCATGCCGTAAGT"
BODY: dict[str, Any] = {
    "program": "blastn",
    "db": "16S",
    "query_fasta": f">q\n{SEQUENCE}\n",
    "external_correlation_id": "caller-1",
    "request_id": "r-1",
}


class HookedQueue(Queue):
    """A queue with a hook before each send."""

    def __init__(self, client: aio.QueueClient) -> None:
        super().__init__(client)
        self.before: Callable[[], Awaitable[None]] | None = None

    async def send(self, text: str) -> None:
        before, self.before = self.before, None
        if before:
            await before()
        await super().send(text)


def unavailable(*_: Any, **__: Any) -> Any:
    """Raise the error of an unavailable store."""
    raise Unavailable("storage_unavailable", "it could not be reached")


@dataclass
class QueueFixture:
    """A completions queue and a job store of this test."""

    requests: RequestProcessor
    queue: HookedQueue
    inbox: QueueClient
    dead: Table
    clock: Clock
    durable: FakeDurable = field(init=False)

    def __post_init__(self) -> None:
        self.durable = FakeDurable(self.clock)

    @property
    def jobs(self) -> JobStateRepository:
        return self.requests.submissions.jobs

    async def deliver(
        self, body: object = None, message_id: str = "m-1", delivery: int = 1, **changes: Any
    ) -> None:
        """Deliver a message, for the n-th time."""
        message = replace(incoming_message(body, message_id, **changes), delivery=delivery)
        await self.requests.process(message, self.durable)

    async def deliver_last(self, **changes: Any) -> None:
        """Deliver a message for the last time."""
        await self.deliver(delivery=LAST_DELIVERY, **changes)

    async def deliver_poison(
        self, body: object = None, message_id: str = "p-1", delivery: int = 1, **changes: Any
    ) -> None:
        """Deliver a poison message, for the n-th time."""
        message = replace(incoming_message(body, message_id, **changes), delivery=delivery)
        await self.requests.process_poison(message)

    async def accept_by_http(self, key: str, **changes: Any) -> Job:
        """Accept the same search by HTTP."""
        one = self.requests.submissions
        return (await one.accept(parse(BODY | changes, one.settings), LOCAL, key, "http")).job

    def sent_messages(self) -> list[dict[str, Any]]:
        """All sent messages, in order."""
        return [json.loads(one.content) for one in self.inbox.peek_messages(max_messages=32)]

    def statuses(self) -> list[str]:
        """The messages without duplicates."""
        first = {one["event_id"]: one["status"] for one in reversed(self.sent_messages())}
        order = list(dict.fromkeys(one["event_id"] for one in self.sent_messages()))
        return [first[event_id] for event_id in order]

    async def job(self) -> Job:
        """The only job."""
        (job,) = (await self.jobs.index.page(LOCAL, 10)).jobs
        return await self.jobs.get(job.job_id)


def incoming_message(
    body: object = None, message_id: str = "m-1", **changes: Any
) -> IncomingMessage:
    """A message: the sample with changes, or these bytes."""
    data = body if isinstance(body, bytes) else json.dumps(BODY | changes).encode()
    return IncomingMessage(message_id, data)
