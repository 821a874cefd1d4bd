"""Sends what jobs owe to the completions queue: at least once, and in order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.blast.result_files import MANIFEST
from shared.clients.blobs import Blobs
from shared.clients.queues import Queue
from shared.contracts.job import Job, OutboxMessage
from shared.contracts.states import Status
from shared.errors import ControlPlaneError
from shared.jobs import JobStateRepository
from shared.messaging.messages import Sender, rejection_message, status_message


@dataclass(frozen=True)
class OutboxPublisher:
    """Every method may be said twice, and by several at once. Raises Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    queue: Queue

    def publish_pending(self, job: Job) -> None:
        """Send what a job owes, oldest first; one that has ended is at rest after that.

        Nothing is sent before all that came before it: a row goes only once its message is out.
        So consumers that drop repeats see one order, however many couriers there are.
        """
        if not job.notify:
            return
        for owed in self.jobs.pending_messages(job.job_id):
            self.queue.send(status_message(job, owed, files=self._files(job, owed)))
            self.jobs.mark_sent(job.job_id, owed.sequence)
        if job.phase.is_end:
            self.jobs.sync(job)

    def republish(self, job: Job, sender: Sender) -> None:
        """Tell a sender of the same request again: that it was accepted, or how it has ended.

        What is owed goes first: this must not overtake it.
        """
        self.publish_pending(job)
        status = job.phase.status if job.phase.is_end else Status.QUEUED
        at = job.finished_at or job.created_at
        owed = OutboxMessage(job.sequence, at, status, job.attempt, job.error_code, job.error)
        self.queue.send(status_message(job, owed, sender, self._files(job, owed)))

    def publish_rejection(
        self, message_id: str, sender: Sender, error: ControlPlaneError, at: datetime
    ) -> None:
        """Tell the sender of a message that it makes no job, and why."""
        self.queue.send(rejection_message(message_id, sender, error, at))

    def _files(self, job: Job, owed: OutboxMessage) -> Sequence[Mapping[str, Any]]:
        """The results of a completed job; none where they have been taken away."""
        if owed.status is not Status.COMPLETED:
            return ()
        manifest = self.blobs.get(job.results_prefix + MANIFEST)
        files: list[dict[str, Any]] = json.loads(manifest)["files"] if manifest else []
        return files
