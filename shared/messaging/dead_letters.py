"""Stores undeliverable queue messages: the body as a blob, the outcome as a table row."""

from dataclasses import dataclass
from datetime import datetime

from shared.clients.blobs import Blobs
from shared.clients.tables import Table
from shared.contracts.storage_urls import DEAD_LETTERS, StorageAccount
from shared.util.redaction import redacted

PARTITION = "requests"
UNFINISHED = "unfinished"
"""The partition of the counts of deliveries that ended with their process."""


@dataclass(frozen=True)
class DeadLetterOutcome:
    """The outcome of a message: the job that it created, or the error."""

    job_id: str | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True)
class Unfinished:
    """Deliveries of a message in a row that began, and of which no end is known."""

    deliveries: int
    began_at: datetime | None = None
    """When the last one began; None if the end of a later one was written down."""


@dataclass(frozen=True)
class DeadLetters:
    """All methods are idempotent per message, and raise Unavailable."""

    blobs: Blobs
    rows: Table
    account: StorageAccount

    async def ensure(self) -> None:
        """Create the container and the table if they do not exist."""
        await self.blobs.ensure(DEAD_LETTERS)
        await self.rows.ensure()

    async def keep(self, message_id: str, body: bytes) -> None:
        """Store the message's body unchanged."""
        await self.blobs.put(self._url(message_id), body)

    async def record(self, message_id: str, outcome: DeadLetterOutcome, at: datetime) -> None:
        """Write the outcome of a stored message. The row has nothing of the message's content."""
        await self.rows.upsert(
            {
                "PartitionKey": PARTITION,
                "RowKey": message_id,
                "ts": at,
                "blob": self._url(message_id),
                "job_id": outcome.job_id,
                "error_code": outcome.error_code,
                "error": outcome.error and redacted(outcome.error),
            }
        )

    async def unfinished(self, message_id: str) -> Unfinished:
        """How many deliveries of the message began in a row and did not end."""
        row = await self.rows.get(UNFINISHED, message_id)
        if row is None:
            return Unfinished(0)
        return Unfinished(int(row.columns["deliveries"]), row.columns.get("began_at"))

    async def set_unfinished(self, message_id: str, unfinished: Unfinished) -> None:
        """Write that number down; 0 removes its row."""
        if unfinished.deliveries:
            key = {"PartitionKey": UNFINISHED, "RowKey": message_id}
            await self.rows.upsert({**key, **vars(unfinished)})
        else:
            await self.rows.delete(UNFINISHED, message_id)

    def _url(self, message_id: str) -> str:
        return self.account.url(DEAD_LETTERS, f"{PARTITION}/{message_id}")
