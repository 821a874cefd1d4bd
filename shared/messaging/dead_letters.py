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

    async def unfinished(self, message_id: str) -> int:
        """How many deliveries of the message began in a row and did not end."""
        row = await self.rows.get(UNFINISHED, message_id)
        return int(row.columns["deliveries"]) if row else 0

    async def set_unfinished(self, message_id: str, deliveries: int) -> None:
        """Write that number down; 0 removes its row."""
        if deliveries:
            key = {"PartitionKey": UNFINISHED, "RowKey": message_id}
            await self.rows.upsert({**key, "deliveries": deliveries})
        else:
            await self.rows.delete(UNFINISHED, message_id)

    def _url(self, message_id: str) -> str:
        return self.account.url(DEAD_LETTERS, f"{PARTITION}/{message_id}")
