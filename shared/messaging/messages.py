"""Messages about jobs, as programs read them from the completions queue. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.contracts.job import Job, OutboxMessage
from shared.contracts.states import Status
from shared.errors import ControlPlaneError, Invalid
from shared.util.redaction import redacted

MOST_FILES = 25
MOST_FAULTS = 25
LONGEST_ERROR = 500
"""Characters."""
_WORDS = {Status.COMPLETED: "succeeded"}
"""The status in the queue's words, where those differ from ours."""
_OF_A_FILE = ("file_id", "name", "size", "format")


@dataclass(frozen=True)
class Sender:
    """What a message is answered with, so that its sender knows it again."""

    correlation_id: str | None = None
    request_id: str | None = None


def status_message(
    job: Job,
    owed: OutboxMessage,
    sender: Sender | None = None,
    files: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The message that a job has come to what is owed; for its own sender, or for another one."""
    sender = sender or Sender(job.correlation_id, job.request_id)
    word = _WORDS.get(owed.status, owed.status.value)
    return _written(
        event_id=event_id(job.job_id, word, owed.attempt),
        external_correlation_id=sender.correlation_id or job.correlation_id,
        job_id=job.job_id,
        status=word,
        attempt=owed.attempt,
        ts=_instant(owed.at),
        request_id=sender.request_id,
        error_code=owed.error_code,
        error_message=owed.error and owed.error[:LONGEST_ERROR],
        result_ref={"api": f"/api/blast/jobs/{job.job_id}/results"},
        result_files=[{name: file[name] for name in _OF_A_FILE} for file in files[:MOST_FILES]],
    )


def rejection_message(
    message_id: str, sender: Sender, error: ControlPlaneError, at: datetime
) -> str:
    """The message that one that was sent makes no job. The same one is always the same event."""
    return _written(
        event_id=event_id(f"message {message_id}", Status.FAILED.value, 0),
        external_correlation_id=sender.correlation_id,
        job_id=None,
        status=Status.FAILED.value,
        attempt=0,
        ts=_instant(at),
        request_id=sender.request_id,
        error_code=error.code,
        error_message=error_text(error),
        result_ref=None,
        result_files=[],
    )


def event_id(subject: str, status: str, attempt: int) -> str:
    """What consumers know repeats by."""
    return hashlib.sha256(f"{subject}:{status}:{attempt}".encode()).hexdigest()[:32]


def error_text(error: ControlPlaneError) -> str:
    """What an error says, short enough: of many faults the first 25 are named, each cut."""
    text = str(error)
    if len(text) > LONGEST_ERROR and isinstance(error, Invalid):
        named = error.faults[:MOST_FAULTS]
        room = LONGEST_ERROR // len(named) - 2
        text = "; ".join(f"{fault.path}: {fault.message}"[:room] for fault in named)
    return redacted(text)[:LONGEST_ERROR]


def _written(**fields: Any) -> str:
    return json.dumps({"event": "blast.transition", **fields})


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
