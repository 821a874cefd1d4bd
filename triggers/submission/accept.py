"""Accepting a search: the job's row is the claim, and each key has exactly one."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import TypeVar

from shared import dependencies
from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Counts, Job
from shared.contracts.search import Asked
from shared.contracts.states import Phase
from shared.contracts.storage_urls import Account
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobStateRepository
from shared.jobs.batch_blob import batch_url, query_url, written
from shared.settings import Settings, settings
from shared.util.threads import Threads
from triggers.auth.query_access import QueryBlobs
from triggers.auth.quotas import need_room
from triggers.submission.database_catalog import Catalogue
from triggers.submission.parse import Submission, bounded

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
        if faults := [*self.unsuitable(asked), *self.missing(asked, who)]:
            raise Invalid(bounded(faults))
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
        """Where the query lies: text is put there, a named one is there."""
        if asked.query_text is None:
            return asked.search.query_url
        url = query_url(self._account, job)
        self.blobs.put(url, asked.query_text.encode())
        return url

    def _put_batch(self, job: Job, asked: Submission) -> str:
        """Where the searches of a batch lie, with their queries."""
        url = batch_url(self._account, job.job_id, job.fingerprint)
        self.blobs.put_first(url, written(asked.searches))
        return url

    def unsuitable(self, asked: Submission) -> Iterator[Fault]:
        """The databases that their program cannot search.

        Each pair of program and database is looked at once, however many searches have it.
        """
        pairs = {
            f"{at}db": (one.search.program, one.search.database_url) for at, one in _each_of(asked)
        }
        wrong = _each(self.catalogue.mismatch, pairs.values())
        for where, pair in pairs.items():
            if said := wrong[pair]:
                yield Fault(where, said, "program_database_incompatible")

    def missing(self, asked: Submission, who: Caller) -> Iterator[Fault]:
        """The queries that are named and are not there, or not for this caller."""
        named = {
            f"{at}query_blob_url": one.search.query_url
            for at, one in _each_of(asked)
            if one.query_text is None
        }
        queries = QueryBlobs(self.jobs, self.blobs, self._account)
        there = _each(lambda url: queries.shows(who, url), named.values())
        for where, url in named.items():
            if not there[url]:
                yield Fault(where, f"there is no {url}")

    @property
    def _account(self) -> Account:
        return Account(self.settings.storage_account, self.settings.storage_suffix)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The databases, as they were last looked up."""
        return Catalogue(self.blobs, self._account)


@cache
def acceptance() -> Acceptance:
    """The deployment's."""
    return Acceptance(dependencies.jobs(), dependencies.blobs(), settings(), dependencies.now)


def _each_of(asked: Submission) -> Iterator[tuple[str, Asked]]:
    """Each search that is asked for, behind the place where the request says it."""
    if not asked.searches:
        yield "", Asked(asked.search, asked.query_text, asked.fingerprint)
    for number, one in enumerate(asked.searches):
        yield f"searches.{number}.", one


def _each(ask: Callable[[Thing], Told], about: Iterable[Thing]) -> dict[Thing, Told]:
    """What is told of each thing, which is asked once, HANDS at a time."""
    things = list(dict.fromkeys(about))
    if len(things) < 2:  # as of nearly every request: no thread is begun for it
        return {thing: ask(thing) for thing in things}
    with Threads(HANDS) as hands:
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
