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
from shared.contracts.search import SearchSpec
from shared.contracts.states import Phase
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobStateRepository
from shared.jobs.batch_blob import batch_url, dump, query_url
from shared.settings import Settings, settings
from shared.util.parallel import parallel_map
from triggers.auth.query_access import QueryAccess
from triggers.auth.quotas import check_active_limit
from triggers.submission.database_catalog import DatabaseCatalog
from triggers.submission.parse import Submission, bounded

PARALLELISM = 16
"""Storage questions about one request that are asked at a time."""
NO_DEADLINE = timedelta(days=3650)
"""Of a batch: it ends with its searches, and each of those has a deadline of its own."""

Thing = TypeVar("Thing")
Told = TypeVar("Told")


@dataclass(frozen=True)
class AcceptedSubmission:
    """The job of a submission; `replayed` where an earlier one with the same key had made it."""

    job: Job
    replayed: bool


@dataclass(frozen=True)
class SubmissionService:
    """Makes jobs of submissions, whichever way they came in."""

    jobs: JobStateRepository
    blobs: Blobs
    settings: Settings
    now: Callable[[], datetime]

    def accept(
        self,
        submission: Submission,
        caller: Caller,
        key: str | None,
        source: str,
        *,
        notify: bool = False,
        max_active_jobs: int | None = None,
    ) -> AcceptedSubmission:
        """Keep a job. The same key with the same request gives the same job again.

        `notify` is for a new one: its transitions are told on the completions queue.
        Raises Conflict where the key stands for another request, Invalid where the query that is
        named is not there, TooMany where the caller has `most_active` jobs and this is a new one,
        and Unavailable; without a job, where it could not be kept.
        """
        job_id = derived_id(caller, key) if key else f"job-{uuid.uuid4().hex}"
        known = self.known(submission, caller, key) if key else None
        if known is None and max_active_jobs:
            check_active_limit(self.jobs.index, caller, max_active_jobs)
        job = known or self._keep(submission, caller, job_id, source, notify)
        return AcceptedSubmission(_same(job, submission), replayed=known is not None)

    def known(self, submission: Submission, caller: Caller, key: str) -> Job | None:
        """The job that the key stands for already. Raises Conflict where it is another request."""
        job = self.jobs.find(derived_id(caller, key))
        return job and _same(job, submission)

    def _keep(
        self, submission: Submission, caller: Caller, job_id: str, source: str, notify: bool
    ) -> Job:
        now, children = self.now(), len(submission.searches)
        if faults := [*self.unsuitable(submission), *self.missing(submission, caller)]:
            raise Invalid(bounded(faults))
        job = Job(
            job_id=job_id,
            elb_job_id=job_id,
            owner=caller,
            search=submission.search,
            fingerprint=submission.fingerprint,
            submission_source=source,
            correlation_id=submission.correlation_id or job_id,
            phase=Phase.QUEUED,
            created_at=now,
            updated_at=now,
            deadline_at=now + (NO_DEADLINE if children else self.settings.job_timeout),
            child_count=children,
            counts=Counts(expected=children or None),
            notify=notify,
            request_id=submission.request_id,
        )
        url = self._put_batch(job, submission) if children else self._put_query(job, submission)
        job = replace(job, search=replace(job.search, query_url=url))
        return self.jobs.create(job, {"source": source})

    def _put_query(self, job: Job, submission: Submission) -> str:
        """Where the query lies: text is put there, a named one is there."""
        if submission.query_text is None:
            return submission.search.query_url
        url = query_url(self.settings.account, job)
        self.blobs.put(url, submission.query_text.encode())
        return url

    def _put_batch(self, job: Job, submission: Submission) -> str:
        """Where the searches of a batch lie, with their queries."""
        url = batch_url(self.settings.account, job.job_id, job.fingerprint)
        self.blobs.put_if_absent(url, dump(submission.searches))
        return url

    def unsuitable(self, submission: Submission) -> Iterator[Fault]:
        """The databases that their program cannot search.

        Each pair of program and database is looked at once, however many searches have it.
        """
        pairs = {
            f"{at}db": (spec.search.program, spec.search.database_url)
            for at, spec in _each_of(submission)
        }
        wrong = _each(self.catalogue.mismatch, pairs.values())
        for where, pair in pairs.items():
            if text := wrong[pair]:
                yield Fault(where, text, "program_database_incompatible")

    def missing(self, submission: Submission, caller: Caller) -> Iterator[Fault]:
        """The queries that are named and are not there, or not for this caller."""
        named = {
            f"{at}query_blob_url": spec.search.query_url
            for at, spec in _each_of(submission)
            if spec.query_text is None
        }
        queries = QueryAccess(self.jobs, self.blobs, self.settings.account)
        there = _each(lambda url: queries.can_read(caller, url), named.values())
        for where, url in named.items():
            if not there[url]:
                yield Fault(where, f"there is no {url}")

    @cached_property
    def catalogue(self) -> DatabaseCatalog:
        """The databases, as they were last looked up."""
        return DatabaseCatalog(self.blobs, self.settings.account)


@cache
def acceptance() -> SubmissionService:
    """The deployment's."""
    return SubmissionService(
        dependencies.jobs(), dependencies.blobs(), settings(), dependencies.now
    )


def _each_of(submission: Submission) -> Iterator[tuple[str, SearchSpec]]:
    """Each search that is asked for, behind the place where the request says it."""
    if not submission.searches:
        yield "", SearchSpec(submission.search, submission.query_text, submission.fingerprint)
    for number, spec in enumerate(submission.searches):
        yield f"searches.{number}.", spec


def _each(ask: Callable[[Thing], Told], about: Iterable[Thing]) -> dict[Thing, Told]:
    """What `ask` returns for each different thing, PARALLELISM at a time."""
    things = list(dict.fromkeys(about))
    return dict(zip(things, parallel_map(ask, things, PARALLELISM), strict=True))


def _same(job: Job, submission: Submission) -> Job:
    if job.fingerprint != submission.fingerprint:
        text = f"the idempotency key stands for another request, which is {job.job_id}"
        raise Conflict("idempotency_conflict", text)
    if job.phase is Phase.DELETED:
        text = f"the idempotency key stands for {job.job_id}, which was deleted"
        raise Conflict("idempotency_conflict", text)
    return job


def derived_id(caller: Caller, key: str) -> str:
    """The id of the one job that this caller's key stands for."""
    claim = json.dumps([caller.tenant_id, caller.oid, key])
    return f"job-{hashlib.sha256(claim.encode()).hexdigest()[:32]}"
