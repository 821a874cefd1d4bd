"""Searches from the queue: taken as over HTTP, answered by messages, and none is ever lost."""

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from azure.functions import QueueMessage

from shared import opened
from shared.clients.queues import plain
from shared.completions import Sender, sentence
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Report
from shared.courier import Courier
from shared.dead_letters import DeadLetters, Verdict
from shared.errors import (
    Conflict,
    Invalid,
    Malformed,
    NeedsPerson,
    NotFound,
    TooLarge,
    TryLater,
)
from shared.settings import settings
from shared.threads import in_thread
from triggers.acceptance import Acceptance, Accepted
from triggers.bodies import echoed, json_object
from triggers.orchestrations import DurableClient, ensure_started
from triggers.search_request import Submission, parse

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
class Letter:
    """A message as the queue hands it over."""

    message_id: str
    body: bytes
    delivery: int = 1
    """How often it has been delivered, this time included."""

    @property
    def is_last_delivery(self) -> bool:
        return self.delivery >= LAST_DELIVERY


async def take(msg: QueueMessage, client: DurableClient) -> None:
    """A message of the queue blast-requests."""
    requests = await in_thread(_requests)  # which opens clients when it is first asked
    await requests.take(_letter(msg), client)


def bury(msg: QueueMessage) -> None:
    """A message that the queue gave up: one of blast-requests-poison."""
    _requests().bury(_letter(msg))


@dataclass(frozen=True)
class Requests:
    """Whatever is raised is no fault of the message's: it is to be handed over again."""

    acceptance: Acceptance
    courier: Courier
    dead_letters: DeadLetters

    async def take(self, letter: Letter, client: DurableClient) -> None:
        """Make a message a job that runs and tell its sender, or tell why it can be none.

        In its last delivery a message is given up here, and not by way of the poison queue: there
        it has another id, and without a key of its sender's its job could not be found by that.
        """
        try:
            await self._take(letter, client)
        except Exception:
            # Of any kind: the last delivery must end with a reply, also after a bug.
            if not letter.is_last_delivery:
                raise
            log.exception("message_given_up message_id=%s", letter.message_id)
            await in_thread(self._give_up, letter, id_is_key=True)

    async def _take(self, letter: Letter, client: DurableClient) -> None:
        try:
            asked, accepted = await in_thread(self._accept, letter)
        except REFUSALS as error:
            await in_thread(self._refuse, letter, error)
            return
        await ensure_started(client, accepted.job)
        await in_thread(self._answer, asked, accepted)

    def bury(self, letter: Letter) -> None:
        """Give up a message of the poison queue, which has another id for it than the first one."""
        self._give_up(letter, id_is_key=False)

    def _give_up(self, letter: Letter, *, id_is_key: bool) -> None:
        """Keep a message that was given up, record what became of it, and tell its sender.

        `id_is_key` where its id is the one by which it may have made a job.
        """
        self.dead_letters.keep(letter.message_id, letter.body)
        try:
            asked, job = self._given_up(letter, id_is_key)
        except TryLater:
            raise
        except Exception as error:  # noqa: BLE001  the last door: a bug must not hold it for ever
            told = error if isinstance(error, NeedsPerson) else _bug(letter)
            self._record(letter, Verdict(None, told.code, sentence(told)))
            self._refuse(letter, told)
        else:
            self._record(letter, Verdict(job.job_id, job.error_code, job.error))
            self._tell_again(asked, job)

    def _accept(self, letter: Letter) -> tuple[Submission, Accepted]:
        asked, one = self._read(letter), self.acceptance
        who, key = one.settings.queue_owner, _key(letter, asked)
        return asked, one.accept(asked, who, key, "queue", notify=True)

    def _read(self, letter: Letter) -> Submission:
        if len(letter.body) > LARGEST:
            said = f"a message has at most {LARGEST:,} bytes: put the query into Blob and name it"
            raise TooLarge("message_too_large", said)
        return parse(json_object(plain(letter.body)), self.acceptance.settings)

    def _answer(self, asked: Submission, accepted: Accepted) -> None:
        if accepted.replayed or not accepted.job.notify:
            self._tell_again(asked, accepted.job)
        else:
            self.courier.deliver(accepted.job)

    def _tell_again(self, asked: Submission, job: Job) -> None:
        """Answer one who sent what was sent before; from now on it is told the rest, too."""
        self.courier.repeat(job, Sender(asked.correlation_id, asked.request_id))
        if job.notify or job.phase.is_end:
            return
        wanted: dict[str, Any] = {
            "notify": True,
            "correlation_id": asked.correlation_id or job.correlation_id,
            "request_id": asked.request_id,
        }
        try:
            job = self.acceptance.jobs.update(
                job.job_id, "messages_wanted", unless=lambda job: job.notify, **wanted
            )
        except Conflict:  # it has just ended
            job = self.acceptance.jobs.get(job.job_id)
            self.courier.repeat(job, Sender(asked.correlation_id, asked.request_id))
        else:
            self.courier.deliver(job)

    def _given_up(self, letter: Letter, id_is_key: bool) -> tuple[Submission, Job]:
        """The job that the message had made: failed, unless it goes on without the message.

        Raises what is wrong with the message, or NotFound where it had made none.
        """
        asked, one = self._read(letter), self.acceptance
        job = one.known(asked, one.settings.queue_owner, _key(letter, asked))
        if job is None:
            raise _not_accepted(id_is_key or asked.idempotency_key or asked.correlation_id)
        if job.phase is not Phase.QUEUED or job.children:
            return asked, job
        # Its orchestration may be about to begin: as the first step this is done only before it.
        code, said = "never_started", "the search was accepted, but could not be started"
        ended = one.jobs.update(
            job.job_id,
            "given_up",
            {"error_code": code, "error": said},
            step=FIRST_STEP,
            attempt=1,
            report=Report(Phase.SUBMIT_FAILED, None),
            phase=Phase.SUBMIT_FAILED,
            error_code=code,
            error=said,
        )
        return asked, ended

    def _record(self, letter: Letter, verdict: Verdict) -> None:
        self.dead_letters.record(letter.message_id, verdict, self.acceptance.now())

    def _refuse(self, letter: Letter, error: NeedsPerson) -> None:
        now = self.acceptance.now()
        self.courier.refuse(letter.message_id, _sender(letter), error, now)


@cache
def _requests() -> Requests:
    acceptance = Acceptance(opened.jobs(), opened.blobs(), settings(), opened.now)
    return Requests(acceptance, opened.courier(), opened.dead_letters())


def _letter(msg: QueueMessage) -> Letter:
    return Letter(msg.id or "", msg.get_body(), msg.dequeue_count or 1)


def _key(letter: Letter, asked: Submission) -> str:
    return asked.idempotency_key or asked.correlation_id or letter.message_id


def _not_accepted(has_key: object) -> NotFound:
    """What the sender of a message is told that has made no job, or none that can be found."""
    if has_key:
        return NotFound("not_accepted", "not processed after 5 attempts; it may be sent again")
    said = "not processed after 5 attempts; without a key its search, if there is one, is not known"
    return NotFound("outcome_unknown", f"{said}: look for it before sending this again")


def _sender(letter: Letter) -> Sender:
    """Who sent a message that is refused, as far as it says so in a form to be given back."""
    try:
        said = json_object(plain(letter.body))
    except Malformed:
        return Sender()
    return Sender(echoed(said.get("external_correlation_id")), echoed(said.get("request_id")))


def _bug(letter: Letter) -> NeedsPerson:
    log.exception("message %s could not be judged", letter.message_id)
    return NeedsPerson("internal", "something went wrong here; the log says what")
