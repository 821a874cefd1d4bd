"""Messages that the queue gave up: each is kept in Blob, and a row says what became of it."""

from dataclasses import dataclass
from datetime import datetime

from shared.clients.blobs import Blobs
from shared.clients.tables import Table
from shared.contracts.storage_urls import DEAD_LETTERS, StorageAccount
from shared.util.redaction import redacted

PARTITION = "requests"


@dataclass(frozen=True)
class DeadLetterOutcome:
    """What became of a message: the job that it had made if it had, else the trouble."""

    job_id: str | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True)
class DeadLetters:
    """Every method may be said twice for one message. Raises Unavailable."""

    blobs: Blobs
    rows: Table
    account: StorageAccount

    def ensure(self) -> None:
        """Create the container and the table unless they exist."""
        self.blobs.ensure(DEAD_LETTERS)
        self.rows.ensure()

    def keep(self, message_id: str, body: bytes) -> None:
        """Keep a message as it came."""
        self.blobs.put(self._url(message_id), body)

    def record(self, message_id: str, outcome: DeadLetterOutcome, at: datetime) -> None:
        """Say what became of a message that is kept; nothing of what it held stands here."""
        self.rows.upsert(
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

    def _url(self, message_id: str) -> str:
        return self.account.url(DEAD_LETTERS, f"{PARTITION}/{message_id}")
