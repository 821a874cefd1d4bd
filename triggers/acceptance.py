"""Accepting a search: the job's row is the claim, and each key has exactly one."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from shared.batches import batch_url, query_url, written
from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Counts, Job
from shared.contracts.states import Phase
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobStateRepository
from shared.settings import Settings
from shared.storage_urls import Account
from triggers.catalogue import Catalogue
from triggers.search_request import Submission, bounded
from triggers.shares import need_room

HANDS = 16
"""Storage questions about one request that are asked at a time."""
NO_DEADLINE = timedelta(days=3650)
"""Of a batch: it ends with its searches, and each of those has a deadline of its own."""

Thing = TypeVar("Thing")
Told = TypeVar("Told")


@dataclass(frozen=True)
class Accepted:
    """The job of a submission; `replayed` where an earlier one with the same key had made it."""

    job: Job
    replayed: bool


@dataclass(frozen=True)
class Acceptance:
    """Makes jobs of submissions, whichever way they came in."""

    jobs: JobStateRepository
    blobs: Blobs
    settings: Settings
    now: Callable[[], datetime]

    def accept(
        self,
        asked: Submission,
        who: Caller,
        key: str | None,
        source: str,
        *,
        notify: bool = False,
        most_active: int | None = None,
    ) -> Accepted:
        """Keep a job. The same key with the same request gives the same job again.

        `notify` is for a new one: its transitions are told on the completions queue.
        Raises Conflict where the key stands for another request, Invalid where the query that is
        named is not there, TooMany where the caller has `most_active` jobs and this is a new one,
        and Unavailable; without a job, where it could not be kept.
        """
        job_id = derived_id(who, key) if key else f"job-{uuid.uuid4().hex}"
        known = self.known(asked, who, key) if key else None
        if known is None and most_active:
            need_room(self.jobs.index, who, most_active)
        job = known or self._keep(asked, who, job_id, source, notify)
        return Accepted(_same(job, asked), replayed=known is not None)

    def known(self, asked: Submission, who: Caller, key: str) -> Job | None:
        """The job that the key stands for already. Raises Conflict where it is another request."""
        job = self.jobs.find(derived_id(who, key))
        return job and _same(job, asked)

    def _keep(self, asked: Submission, who: Caller, job_id: str, source: str, notify: bool) -> Job:
        now, children = self.now(), len(asked.searches)
        self._must_suit(asked)
        job = Job(
            job_id=job_id,
            elb_job_id=job_id,
            owner=who,
            search=asked.search,
            fingerprint=asked.fingerprint,
            submission_source=source,
            correlation_id=asked.correlation_id or job_id,
            phase=Phase.QUEUED,
            created_at=now,
            updated_at=now,
            deadline_at=now + (NO_DEADLINE if children else self.settings.deadline),
            children=children,
            counts=Counts(expected=children or None),
            notify=notify,
            request_id=asked.request_id,
        )
        url = self._put_batch(job, asked) if children else self._put_query(job, asked)
        job = replace(job, search=replace(job.search, query_url=url))
        return self.jobs.create(job, {"source": source})

    def _put_query(self, job: Job, asked: Submission) -> str:
        """Where the query lies: text is put there, a named one must be there."""
        if asked.query_text is None:
            self._must_be_there({"query_blob_url": asked.search.query_url})
            return asked.search.query_url
        url = query_url(self._account, job)
        self.blobs.put(url, asked.query_text.encode())
        return url

    def _put_batch(self, job: Job, asked: Submission) -> str:
        """Where the searches of a batch lie, with their queries; named ones must be there."""
        self._must_be_there(
            {
                f"searches.{n}.query_blob_url": one.search.query_url
                for n, one in enumerate(asked.searches)
                if one.query_text is None
            }
        )
        url = batch_url(self._account, job.job_id, job.fingerprint)
        self.blobs.put_first(url, written(asked.searches))
        return url

    def _must_suit(self, asked: Submission) -> None:
        """Each pair of program and database is looked at once, however many searches have it."""
        every = {f"searches.{n}.db": one.search for n, one in enumerate(asked.searches)}
        pairs = {
            where: (one.program, one.database_url)
            for where, one in (every or {"db": asked.search}).items()
        }
        wrong = _each(self._catalogue.mismatch, pairs.values())
        faults = [
            Fault(where, said, "program_database_incompatible")
            for where, pair in pairs.items()
            if (said := wrong[pair])
        ]
        if faults:
            raise Invalid(bounded(faults))

    def _must_be_there(self, named: Mapping[str, str]) -> None:
        there = _each(self.blobs.exists, named.values())
        faults = [
            Fault(where, f"there is no {url}") for where, url in named.items() if not there[url]
        ]
        if faults:
            raise Invalid(bounded(faults))

    @property
    def _account(self) -> Account:
        return Account(self.settings.storage_account, self.settings.storage_suffix)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.blobs, self._account)


def _each(ask: Callable[[Thing], Told], about: Iterable[Thing]) -> dict[Thing, Told]:
    """What is told of each thing, which is asked once, HANDS at a time."""
    things = list(dict.fromkeys(about))
    if len(things) == 1:  # as of nearly every request: no thread is begun for it
        return {things[0]: ask(things[0])}
    with ThreadPoolExecutor(HANDS) as hands:
        return dict(zip(things, hands.map(ask, things), strict=True))


def _same(job: Job, asked: Submission) -> Job:
    if job.fingerprint != asked.fingerprint:
        said = f"the idempotency key stands for another request, which is {job.job_id}"
        raise Conflict("idempotency_conflict", said)
    if job.phase is Phase.DELETED:
        said = f"the idempotency key stands for {job.job_id}, which was deleted"
        raise Conflict("idempotency_conflict", said)
    return job


def derived_id(who: Caller, key: str) -> str:
    """The id of the one job that this caller's key stands for."""
    claim = json.dumps([who.tenant_id, who.oid, key])
    return f"job-{hashlib.sha256(claim.encode()).hexdigest()[:32]}"
