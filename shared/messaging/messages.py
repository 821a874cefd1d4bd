"""Renders the status messages of the completions queue. Pure."""

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
_STATUS_NAMES = {Status.COMPLETED: "succeeded"}
"""Status names in the queue's contract that differ from those of Status."""
_FILE_FIELDS = ("file_id", "name", "size", "format")


@dataclass(frozen=True)
class Sender:
    """The ids by which the sender of a request recognises the reply."""

    correlation_id: str | None = None
    request_id: str | None = None


def status_message(
    job: Job,
    message: OutboxMessage,
    sender: Sender | None = None,
    files: Sequence[Mapping[str, Any]] = (),
) -> str:
    """A message about a job's state change, addressed to `sender` or to the job's own sender."""
    sender = sender or Sender(job.correlation_id, job.request_id)
    status = _STATUS_NAMES.get(message.status, message.status.value)
    return _render(
        event_id=event_id(job.job_id, status, message.attempt),
        external_correlation_id=sender.correlation_id or job.correlation_id,
        job_id=job.job_id,
        status=status,
        attempt=message.attempt,
        ts=_timestamp(message.at),
        request_id=sender.request_id,
        error_code=message.error_code,
        error_message=message.error and message.error[:LONGEST_ERROR],
        result_ref={"api": f"/api/blast/jobs/{job.job_id}/results"},
        result_files=[{name: file[name] for name in _FILE_FIELDS} for file in files[:MOST_FILES]],
    )


def rejection_message(
    message_id: str, sender: Sender, error: ControlPlaneError, at: datetime
) -> str:
    """A reply to a queue message that was rejected. Its event id is the same every time."""
    return _render(
        event_id=event_id(f"message {message_id}", Status.FAILED.value, 0),
        external_correlation_id=sender.correlation_id,
        job_id=None,
        status=Status.FAILED.value,
        attempt=0,
        ts=_timestamp(at),
        request_id=sender.request_id,
        error_code=error.code,
        error_message=error_text(error),
        result_ref=None,
        result_files=[],
    )


def event_id(subject: str, status: str, attempt: int) -> str:
    """The id by which consumers detect duplicates."""
    return hashlib.sha256(f"{subject}:{status}:{attempt}".encode()).hexdigest()[:32]


def error_text(error: ControlPlaneError) -> str:
    """The error's text in at most LONGEST_ERROR characters; long faults are shortened."""
    text = str(error)
    if len(text) > LONGEST_ERROR and isinstance(error, Invalid):
        faults = error.faults[:MOST_FAULTS]
        length = LONGEST_ERROR // len(faults) - 2
        text = "; ".join(f"{fault.path}: {fault.message}"[:length] for fault in faults)
    return redacted(text)[:LONGEST_ERROR]


def _render(**fields: Any) -> str:
    return json.dumps({"event": "blast.transition", **fields})


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
