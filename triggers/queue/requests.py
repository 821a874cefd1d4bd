"""Searches from the queue: taken as over HTTP, answered by messages, and none is ever lost."""

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from azure.functions import QueueMessage

from shared import dependencies
from shared.clients.queues import plain
from shared.contracts.activities import Decision
from shared.contracts.job import Job
from shared.contracts.states import Phase
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
from shared.settings import settings
from shared.util.threads import in_thread
from triggers.durable_client import DurableClient, ensure_started
from triggers.submission.accept import AcceptedSubmission, SubmissionService
from triggers.submission.json_body import client_token, json_object
from triggers.submission.parse import Submission, parse

log = logging.getLogger("blast")
LARGEST = 64 * 1024
"""Bytes of a message; a longer query is put into Blob and named."""
REFUSALS = (Malformed, Invalid, TooLarge, Conflict)
"""What is wrong with a message for good. Any other NeedsPerson is wrong with the deployment."""
LAST_DELIVERY = 5
"""The queue gives a message up after so many (host.json, maxDequeueCount)."""
FIRST_STEP = 1
"""The number of an orchestration's first step: who writes it first decides what it is."""


@dataclass(frozen=True)
class IncomingMessage:
    """A message as the queue hands it over."""

    message_id: str
    body: bytes
    delivery: int = 1
    """How often it has been delivered, this time included."""

    @property
    def is_last_delivery(self) -> bool:
        return self.delivery >= LAST_DELIVERY


async def process_request(msg: QueueMessage, client: DurableClient) -> None:
    """A message of the queue blast-requests."""
    requests = await in_thread(_processor)  # which opens clients when it is first asked
    await requests.process(_queue_message(msg), client)


def process_poison_message(msg: QueueMessage) -> None:
    """A message that the queue gave up: one of blast-requests-poison."""
    _processor().process_poison(_queue_message(msg))


@dataclass(frozen=True)
class RequestProcessor:
    """Whatever is raised is no fault of the message's: it is to be handed over again."""

    acceptance: SubmissionService
    outbox: OutboxPublisher
    dead_letters: DeadLetters

    async def process(self, message: IncomingMessage, client: DurableClient) -> None:
        """Make a message a job that runs and tell its sender, or tell why it can be none.

        In its last delivery a message is given up here, and not by way of the poison queue: there
        it has another id, and without a key of its sender's its job could not be found by that.
        """
        try:
            await self._take(message, client)
        except Exception:
            if not message.is_last_delivery:
                raise
            log.exception("message_given_up message_id=%s", message.message_id)
            await in_thread(self._give_up, message, id_is_key=True)

    async def _take(self, message: IncomingMessage, client: DurableClient) -> None:
        try:
            submission, accepted = await in_thread(self._accept, message)
        except REFUSALS as error:
            await in_thread(self._reject, message, error)
            return
        await ensure_started(client, accepted.job)
        await in_thread(self._answer, submission, accepted)

    def process_poison(self, message: IncomingMessage) -> None:
        """Give up a message of the poison queue, which has another id for it than the first one."""
        self._give_up(message, id_is_key=False)

    def _give_up(self, message: IncomingMessage, *, id_is_key: bool) -> None:
        """Keep a message that was given up, record what became of it, and tell its sender.

        `id_is_key` where its id is the one by which it may have made a job.
        """
        self.dead_letters.keep(message.message_id, message.body)
        try:
            submission, job = self._given_up(message, id_is_key)
        except RetryableError:
            raise
        except Exception as error:  # noqa: BLE001  the last door: a bug must not hold it for ever
            told = error if isinstance(error, PermanentError) else _bug(message)
            self._record(message, DeadLetterOutcome(None, told.code, error_text(told)))
            self._reject(message, told)
        else:
            self._record(message, DeadLetterOutcome(job.job_id, job.error_code, job.error))
            self._republish(submission, job)

    def _accept(self, message: IncomingMessage) -> tuple[Submission, AcceptedSubmission]:
        submission, one = self._read(message), self.acceptance
        caller, key = one.settings.queue_owner, _key(message, submission)
        return submission, one.accept(submission, caller, key, "queue", notify=True)

    def _read(self, message: IncomingMessage) -> Submission:
        if len(message.body) > LARGEST:
            text = f"a message has at most {LARGEST:,} bytes: put the query into Blob and name it"
            raise TooLarge("message_too_large", text)
        return parse(json_object(plain(message.body)), self.acceptance.settings)

    def _answer(self, submission: Submission, accepted: AcceptedSubmission) -> None:
        if accepted.replayed or not accepted.job.notify:
            self._republish(submission, accepted.job)
        else:
            self.outbox.publish_pending(accepted.job)

    def _republish(self, submission: Submission, job: Job) -> None:
        """Answer one who sent what was sent before; from now on it is told the rest, too."""
        self.outbox.republish(job, Sender(submission.correlation_id, submission.request_id))
        if job.notify or job.phase.is_end:
            return
        wanted: dict[str, Any] = {
            "notify": True,
            "correlation_id": submission.correlation_id or job.correlation_id,
            "request_id": submission.request_id,
        }
        try:
            job = self.acceptance.jobs.update(
                job.job_id, "notifications_enabled", unless=lambda job: job.notify, **wanted
            )
        except Conflict:  # it has just ended
            job = self.acceptance.jobs.get(job.job_id)
            self.outbox.republish(job, Sender(submission.correlation_id, submission.request_id))
        else:
            self.outbox.publish_pending(job)

    def _given_up(self, message: IncomingMessage, id_is_key: bool) -> tuple[Submission, Job]:
        """The job that the message had made: failed, unless it goes on without the message.

        Raises what is wrong with the message, or NotFound where it had made none.
        """
        submission, one = self._read(message), self.acceptance
        job = one.known(submission, one.settings.queue_owner, _key(message, submission))
        if job is None:
            raise _not_accepted(
                id_is_key or submission.idempotency_key or submission.correlation_id
            )
        if job.phase is not Phase.QUEUED or job.child_count:
            return submission, job
        # Its orchestration may be about to begin: as the first step this is done only before it.
        code, text = "never_started", "the search was accepted, but could not be started"
        ended = one.jobs.update(
            job.job_id,
            "submission_abandoned",
            {"error_code": code, "error": text},
            step=StepRecord(FIRST_STEP, job.next_stage, Decision(None)),
            attempt=1,
            phase=Phase.SUBMIT_FAILED,
            error_code=code,
            error=text,
        )
        return submission, ended

    def _record(self, message: IncomingMessage, verdict: DeadLetterOutcome) -> None:
        self.dead_letters.record(message.message_id, verdict, self.acceptance.now())

    def _reject(self, message: IncomingMessage, error: PermanentError) -> None:
        now = self.acceptance.now()
        self.outbox.publish_rejection(message.message_id, _sender(message), error, now)


@cache
def _processor() -> RequestProcessor:
    acceptance = SubmissionService(
        dependencies.jobs(), dependencies.blobs(), settings(), dependencies.now
    )
    return RequestProcessor(
        acceptance, dependencies.outbox_publisher(), dependencies.dead_letters()
    )


def _queue_message(msg: QueueMessage) -> IncomingMessage:
    return IncomingMessage(msg.id or "", msg.get_body(), msg.dequeue_count or 1)


def _key(message: IncomingMessage, submission: Submission) -> str:
    return submission.idempotency_key or submission.correlation_id or message.message_id


def _not_accepted(has_key: object) -> NotFound:
    """What the sender of a message is told that has made no job, or none that can be found."""
    if has_key:
        return NotFound("not_accepted", "not processed after 5 attempts; it may be sent again")
    text = "not processed after 5 attempts; without a key its search, if there is one, is not known"
    return NotFound("outcome_unknown", f"{text}: look for it before sending this again")


def _sender(message: IncomingMessage) -> Sender:
    """Who sent a message that is refused, as far as it says so in a form to be given back."""
    try:
        said = json_object(plain(message.body))
    except Malformed:
        return Sender()
    return Sender(
        client_token(said.get("external_correlation_id")), client_token(said.get("request_id"))
    )


def _bug(message: IncomingMessage) -> PermanentError:
    log.exception("message %s could not be judged", message.message_id)
    return PermanentError("internal", "something went wrong here; the log says what")
