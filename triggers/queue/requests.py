"""Search requests from the queue `blast-requests`, and its poison messages."""

import logging
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from azure.functions import QueueMessage

from shared.clients.queues import plain
from shared.contracts.activities import Decision
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import (
    Conflict,
    Invalid,
    Malformed,
    NotFound,
    PermanentError,
    RetryableError,
    TooLarge,
)
from shared.jobs import StepRecord
from shared.messaging.dead_letters import DeadLetterOutcome, DeadLetters
from shared.messaging.messages import Sender, error_text
from shared.messaging.outbox import OutboxPublisher
from shared.telemetry.names import REFUSALS
from shared.telemetry.telemetry import Telemetry
from triggers.durable_client import DurableClient, ensure_started
from triggers.queue.unfinished import MAX_UNFINISHED, Act, UnfinishedDeliveries
from triggers.submission.accept import AcceptedSubmission, SubmissionService
from triggers.submission.json_body import client_token, json_object, lenient_json_object
from triggers.submission.parse import Submission, parse

log = logging.getLogger("blast")
MAX_MESSAGE_BYTES = 64 * 1024
"""A storage queue's limit; a longer query must be uploaded to Blob."""
REJECTIONS = (Malformed, Invalid, TooLarge, Conflict)
"""Errors of the message itself. Any other PermanentError is an error of the deployment."""
LAST_DELIVERY = 960
"""Deliveries before the queue moves a message to the poison queue (host.json, maxDequeueCount).

At 30 s each (visibilityTimeout), a message outlasts eight hours of wrong settings, or without
storage or Durable Functions. At 10 min each, the lease of a host that ends, the last one would come
after 6.7 days, before Azure deletes it: `unfinished` gives up such a message earlier."""
LAST_CRASH = 5
"""The delivery whose crash is final: a bug crashes again."""
FIRST_STEP = 1
"""The number of an orchestration's first step; the first writer of a step decides its result."""


@dataclass(frozen=True)
class IncomingMessage:
    """A message of the queue."""

    message_id: str
    body: bytes
    delivery: int = 1
    """Number of deliveries, including this one."""


class RequestQueue:
    """The queue functions over the clients of a process."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def process_request(self, msg: QueueMessage, client: DurableClient) -> None:
        """Process a message of the queue `blast-requests`."""
        await self._processor.process(_queue_message(msg), client)

    async def process_poison_message(self, msg: QueueMessage) -> None:
        """Process a message of the poison queue `blast-requests-poison`."""
        await self._processor.process_poison(_queue_message(msg))

    @cached_property
    def _processor(self) -> "RequestProcessor":
        clients = self._dependencies
        submissions = SubmissionService.of(clients)
        return RequestProcessor(
            submissions, clients.outbox_publisher, clients.dead_letters, clients.telemetry
        )


@dataclass(frozen=True)
class RequestProcessor:
    """Turns messages into jobs and answers their senders.

    A method that raises has not processed the message: the queue must deliver it again. So a
    message with which nothing is wrong waits in its queue, under its own id, which may be its key.
    """

    submissions: SubmissionService
    outbox: OutboxPublisher
    dead_letters: DeadLetters
    telemetry: Telemetry = field(default_factory=Telemetry)

    @cached_property
    def _deliveries(self) -> UnfinishedDeliveries:
        return UnfinishedDeliveries(self.dead_letters, self.submissions.now)

    async def process(self, message: IncomingMessage, client: DurableClient) -> None:
        """Accept the message as a job and start it, or publish a rejection."""
        act = partial(self._process, message, client)
        await self._run(message, act, partial(self._abandon, message, id_is_key=True))

    async def process_poison(self, message: IncomingMessage) -> None:
        """Abandon a message of the poison queue, whose id is not the original message's."""
        abandon = partial(self._abandon, message, id_is_key=False)
        await self._run(message, abandon, abandon)

    async def _run(self, message: IncomingMessage, act: Act, abandon: Act) -> None:
        async def give_up() -> None:
            # What is known is stored first: to read the message can end this process, too.
            text = f"its process ended in each of {MAX_UNFINISHED} deliveries"
            log.error("message_abandoned message_id=%s: %s", message.message_id, text)
            await self.dead_letters.keep(message.message_id, message.body)
            await self._record(message, DeadLetterOutcome(None, "process_ended", text))
            await abandon()

        await self._deliveries.run(message.message_id, message.delivery, act, give_up)

    async def _process(self, message: IncomingMessage, client: DurableClient) -> None:
        """Process a message, and abandon it in its last delivery.

        The last delivery is abandoned here and not through the poison queue: there the message has
        another id, and a job without a key of the sender's can only be found by the original id.
        """
        try:
            await self._process_once(message, client)
        except Exception as error:  # a bug, too: the last delivery must end with a reply
            if message.delivery < _last_delivery(error):
                raise
            log.exception("message_abandoned message_id=%s", message.message_id)
            await self._abandon(message, id_is_key=True)

    async def _process_once(self, message: IncomingMessage, client: DurableClient) -> None:
        try:
            submission, accepted = await self._accept(message, client)
        except REJECTIONS as error:
            await self._reject(message, error)
        else:
            await self._answer(submission, accepted)

    async def _abandon(self, message: IncomingMessage, *, id_is_key: bool) -> None:
        """Store a message that could not be processed, record its outcome and answer its sender.

        `id_is_key`: the message has its original id, so its job can be found by that id.
        """
        await self.dead_letters.keep(message.message_id, message.body)
        try:
            submission, job = await self._fail_unstarted_job(message, id_is_key)
        except RetryableError:
            raise
        except Exception as error:  # noqa: BLE001  a bug must not keep the message in the queue
            rejection = error if isinstance(error, PermanentError) else _internal_error(message)
            await self._record(
                message, DeadLetterOutcome(None, rejection.code, error_text(rejection))
            )
            await self._reject(message, rejection)
        else:
            await self._record(message, DeadLetterOutcome(job.job_id, job.error_code, job.error))
            await self._republish(submission, job)

    async def _accept(
        self, message: IncomingMessage, client: DurableClient
    ) -> tuple[Submission, AcceptedSubmission]:
        """Parse, check, accept and start a submission."""
        submission, settings = self._parse(message), self.submissions.settings
        key = _key(message, submission)
        async with self.submissions.turn(submission.is_batch):
            accepted = await self.submissions.accept(
                submission, settings.queue_owner, key, "queue", notify=True
            )
            await ensure_started(client, accepted.job, settings.crash_retry)
        return submission, accepted

    def _parse(self, message: IncomingMessage) -> Submission:
        if len(message.body) > MAX_MESSAGE_BYTES:
            text = (
                f"the message has {len(message.body):,} bytes, the limit is {MAX_MESSAGE_BYTES:,}:"
                " upload the query and name it as query_blob_url"
            )
            raise TooLarge("message_too_large", text)
        return parse(json_object(plain(message.body)), self.submissions.settings)

    async def _answer(self, submission: Submission, accepted: AcceptedSubmission) -> None:
        if accepted.replayed or not accepted.job.notify:
            await self._republish(submission, accepted.job)
        else:
            await self.outbox.publish_pending(accepted.job)

    async def _republish(self, submission: Submission, job: Job) -> None:
        """Answer a repeated request with the job's state, and send its later transitions too."""
        await self.outbox.republish(job, Sender(submission.correlation_id, submission.request_id))
        if job.notify or job.phase.is_end:
            return
        changes: dict[str, Any] = {
            "notify": True,
            "correlation_id": submission.correlation_id or job.correlation_id,
            "request_id": submission.request_id,
        }
        try:
            job = await self.submissions.jobs.update(
                job.job_id, "notifications_enabled", unless=lambda job: job.notify, **changes
            )
        except Conflict:  # the job has just ended
            job = await self.submissions.jobs.get(job.job_id)
            await self.outbox.republish(
                job, Sender(submission.correlation_id, submission.request_id)
            )
        else:
            await self.outbox.publish_pending(job)

    async def _fail_unstarted_job(
        self, message: IncomingMessage, id_is_key: bool
    ) -> tuple[Submission, Job]:
        """Find the job of an abandoned message and fail it if its orchestration never started.

        Raises REJECTIONS if the message is invalid, and NotFound if it has no job.
        """
        submission, owner = self._parse(message), self.submissions.settings.queue_owner
        job = await self.submissions.find_existing(submission, owner, _key(message, submission))
        if job is None:
            attempts = message.delivery if id_is_key else LAST_DELIVERY
            has_key = id_is_key or submission.idempotency_key or submission.correlation_id
            raise _not_accepted(attempts, has_key)
        if job.phase is not Phase.QUEUED or job.child_count:
            return submission, job
        # The orchestration may start at this moment. Writing the failure as the first step makes
        # the update a no-op if the orchestration has written that step already.
        code, text = "never_started", "the search was accepted but could not be started"
        job = await self.submissions.jobs.update(
            job.job_id,
            "submission_abandoned",
            {"error_code": code, "error": text},
            step=StepRecord(FIRST_STEP, job.next_stage, Decision(None)),
            attempt=1,
            phase=Phase.SUBMIT_FAILED,
            error_code=code,
            error=text,
        )
        return submission, job

    async def _record(self, message: IncomingMessage, outcome: DeadLetterOutcome) -> None:
        await self.dead_letters.record(message.message_id, outcome, self.submissions.now())

    async def _reject(self, message: IncomingMessage, error: PermanentError) -> None:
        now = self.submissions.now()
        await self.outbox.publish_rejection(message.message_id, _sender(message), error, now)
        self.telemetry.measure(REFUSALS, 1, code=error.code)


def _queue_message(msg: QueueMessage) -> IncomingMessage:
    return IncomingMessage(msg.id or "", msg.get_body(), msg.dequeue_count or 1)


def _key(message: IncomingMessage, submission: Submission) -> str:
    return submission.idempotency_key or submission.correlation_id or message.message_id


def _last_delivery(error: Exception) -> int:
    """The delivery in which this error is final."""
    return LAST_DELIVERY if isinstance(error, RetryableError) else LAST_CRASH


def _not_accepted(attempts: int, has_key: object) -> NotFound:
    """Return the rejection of an abandoned message that has no job, or none that can be found."""
    failure = f"not processed after {attempts} attempts"
    if has_key:
        return NotFound("not_accepted", f"{failure}: send the message again")
    text = (
        f"{failure}: the message has no idempotency_key, so its search cannot be found, if there"
        " is one; list the searches before you send the message again"
    )
    return NotFound("outcome_unknown", text)


def _sender(message: IncomingMessage) -> Sender:
    """Return the sender's ids in a rejected message, as far as they are valid."""
    try:
        body = lenient_json_object(plain(message.body))
    except Malformed:
        return Sender()
    return Sender(
        client_token(body.get("external_correlation_id")), client_token(body.get("request_id"))
    )


def _internal_error(message: IncomingMessage) -> PermanentError:
    log.exception("message_processing_crashed message_id=%s", message.message_id)
    return PermanentError(
        "internal", "internal error: tell an operator the message id and the time"
    )
