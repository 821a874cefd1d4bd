"""Publishes jobs' outbox messages to the completions queue: at least once, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clients.blobs import Blobs
from shared.clients.queues import Queue
from shared.contracts.job import Job, OutboxMessage
from shared.contracts.serialization import serialize
from shared.contracts.states import Status
from shared.errors import ControlPlaneError
from shared.jobs import JobStateRepository
from shared.messaging.messages import Sender, rejection_message, status_message
from shared.results.manifest import read_manifest


@dataclass(frozen=True)
class OutboxPublisher:
    """All methods can be repeated and called concurrently, and raise Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    get_queue: Callable[[], Queue]
    """Opens the queue, or returns the open one; called only where there is something to send."""

    async def publish_pending(self, job: Job) -> None:
        """Send a job's outbox messages, oldest first, and update the index of an ended job.

        An outbox row is deleted only after its message was sent. So consumers that drop duplicates
        see the messages in order, also with several publishers.
        """
        if not job.notify:
            return
        for message in await self.jobs.pending_messages(job.job_id):
            await self.get_queue().send(
                status_message(job, message, files=await self._files(job, message))
            )
            await self.jobs.mark_sent(job.job_id, message.sequence)
        if job.phase.is_end:
            await self.jobs.sync(job)

    async def republish(self, job: Job, sender: Sender) -> None:
        """Reply to a repeated request with the job's state: accepted, or how it ended.

        Pending messages are sent first, so that the reply does not overtake them.
        """
        await self.publish_pending(job)
        status = job.phase.status if job.phase.is_end else Status.QUEUED
        at = job.finished_at or job.created_at
        message = OutboxMessage(job.sequence, at, status, job.attempt, job.error_code, job.error)
        await self.get_queue().send(
            status_message(job, message, sender, await self._files(job, message))
        )

    async def publish_rejection(
        self, message_id: str, sender: Sender, error: ControlPlaneError, at: datetime
    ) -> None:
        """Reply to the sender of a rejected queue message."""
        await self.get_queue().send(rejection_message(message_id, sender, error, at))

    async def _files(self, job: Job, message: OutboxMessage) -> Sequence[Mapping[str, Any]]:
        """The results of a completed job; empty if they were deleted."""
        if message.status is not Status.COMPLETED:
            return ()
        return [serialize(file) for file in await read_manifest(self.blobs, job) or ()]
