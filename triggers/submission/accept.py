"""Accepting a submission. Creating the job's row claims the idempotency key: one job per key."""

import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Counts, Job
from shared.contracts.search import Search, SearchSpec
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import Conflict, Invalid, TooMany
from shared.jobs import JobStateRepository
from shared.jobs.batch_blob import batch_url, dump, query_url
from shared.jobs.claims import ContentClaim
from shared.settings import Settings
from shared.telemetry.tracing import current_trace_parent
from shared.util.job_scope import enter_job
from shared.util.threads import in_thread
from triggers.auth.quotas import ActiveLimit
from triggers.submission.checks import SubmissionChecks, map_distinct, named, searches_of
from triggers.submission.named_queries import PARALLEL_READS, NamedQuery
from triggers.submission.parse import MAX_WARNINGS, Submission, bounded, common_search
from triggers.submission.turns import SubmissionTurns

MAX_STORED_WARNINGS = 20
"""Warnings about databases and named queries, which a job's first event keeps."""
NO_DEADLINE = timedelta(days=3650)
"""Deadline of a batch: it ends with its searches, and each search has its own deadline."""


@dataclass(frozen=True)
class AcceptedSubmission:
    """The job of a submission; `replayed` if an earlier request with the same key created it."""

    job: Job
    replayed: bool
    warnings: tuple[str, ...] = ()
    """Those of the submission, and those that storage gave rise to when it was accepted."""


@dataclass(frozen=True)
class SubmissionService:
    """Creates jobs from submissions by HTTP and by queue."""

    jobs: JobStateRepository
    blobs: Blobs
    settings: Settings
    now: Callable[[], datetime]
    max_wait: timedelta = timedelta(seconds=20)
    """One that waits longer for earlier ones is refused: storage hardly answers them."""

    @classmethod
    def of(cls, clients: Dependencies) -> "SubmissionService":
        """The service over the clients of a process. Raises SettingsInvalid and Unavailable."""
        return cls(clients.jobs, clients.blobs, clients.settings, clients.now)

    @cached_property
    def active_limit(self) -> ActiveLimit:
        """The limit of each caller's active jobs, for all that make a job active."""
        return ActiveLimit(self.jobs.index, self.now)

    def turn(self, is_batch: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold a place while a submission is accepted and started: see `SubmissionTurns`."""
        return self._turns.take(is_batch)

    async def accept(
        self,
        submission: Submission,
        caller: Caller,
        key: str | None,
        source: str,
        *,
        notify: bool = False,
        max_active_jobs: int | None = None,
    ) -> AcceptedSubmission:
        """Create the job of a submission, or return the job that the same key created before.

        `notify` applies to a new job: its transitions are sent to the completions queue.
        `max_active_jobs` limits the caller's active jobs; None means no limit.
        Raises Conflict if the key belongs to another request, Invalid if the named query or
        database cannot be used, TooMany if a new job would exceed the limit, and Unavailable.
        Nothing is created if it raises.
        """
        job_id = derived_id(caller, key) if key else new_id()
        existing = await self.find_existing(submission, caller, key) if key else None
        if existing is None and max_active_jobs:
            existing = await self._check_limit(submission, caller, key, max_active_jobs)
        if existing is None:
            accepted = await self.create(submission, caller, job_id, source, notify)
        else:
            warnings = await self._stored_warnings(submission, existing)
            accepted = AcceptedSubmission(existing, replayed=True, warnings=warnings)
        enter_job(accepted.job.job_id)
        _require_same(accepted.job, submission)
        warnings = (*submission.warnings, *accepted.warnings)[:MAX_WARNINGS]
        return replace(accepted, warnings=warnings)

    async def _check_limit(
        self, submission: Submission, caller: Caller, key: str | None, max_active_jobs: int
    ) -> Job | None:
        """None if the limit allows a new job. Raises TooMany."""
        try:
            await self.active_limit.check(caller, max_active_jobs)
        except TooMany:
            # The job that reaches the limit can be that of the key, created since the look for it.
            existing = await self.find_existing(submission, caller, key) if key else None
            if existing is None:
                raise
            return existing
        return None

    async def find_existing(self, submission: Submission, caller: Caller, key: str) -> Job | None:
        """Return the job that the key created before. Raises Conflict if its request differs."""
        job = await self.jobs.find(derived_id(caller, key))
        return job and _require_same(job, submission)

    async def create(
        self,
        submission: Submission,
        caller: Caller,
        job_id: str,
        source: str,
        notify: bool = False,
        claim: ContentClaim | None = None,
    ) -> AcceptedSubmission:
        """Create the job with this id, or get the one that has it.

        With a `claim` that another submission has made for this id, the job is created in its
        place; with one on any other, the content is claimed for this id first.
        The warnings are those of its databases and named queries. Raises as `accept` does,
        and ClaimTaken.
        """
        submission, warnings = await self._checked(submission, caller)
        created_at = self.now()
        if claim and claim.job_id == job_id:
            created_at = claim.claimed_at or created_at
        job = self._new_job(submission, caller, job_id, source, created_at, notify)
        is_to_be_claimed = claim is not None and claim.job_id != job_id
        if claim and is_to_be_claimed:
            await self.jobs.index.claim(claim, job)
        submission = await self._with_stored_queries(submission, job_id)
        put = self._put_batch if submission.is_batch else self._put_query
        url = await put(job, submission)
        job = replace(job, search=replace(job.search, query_url=url))
        event = {"source": source, **({"warnings": list(warnings)} if warnings else {})}
        created = await self.jobs.create(job, event, is_claimed=is_to_be_claimed)
        return AcceptedSubmission(created, _is_of_other(created, job), warnings)

    async def _checked(
        self, submission: Submission, caller: Caller
    ) -> tuple[Submission, tuple[str, ...]]:
        """The submission as it is searched, and what storage gives rise to warn of.

        Raises Invalid and Unavailable.
        """
        databases = await self.checks.databases(submission)
        queries = await self.checks.queries(submission, caller)
        if faults := [*databases.faults, *queries.faults]:
            raise Invalid(bounded(faults))
        warnings = (*databases.warnings, *queries.warnings)[:MAX_STORED_WARNINGS]
        return _changed(submission, databases.apply), warnings

    def _new_job(
        self,
        submission: Submission,
        caller: Caller,
        job_id: str,
        source: str,
        now: datetime,
        notify: bool,
    ) -> Job:
        children = len(submission.searches)
        return Job(
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
            trace_parent=current_trace_parent(),
        )

    @cached_property
    def _turns(self) -> SubmissionTurns:
        return SubmissionTurns(self.max_wait)

    async def _put_query(self, job: Job, submission: Submission) -> str:
        """Return the URL of the query, after uploading a query that came as text."""
        if submission.query_text is None:
            return submission.search.query_url
        url = query_url(self.settings.account, job)
        await self.blobs.put(url, submission.query_text.encode())
        return url

    async def _put_batch(self, job: Job, submission: Submission) -> str:
        """Upload the searches of a batch with their queries; return the URL of the blob."""
        url = batch_url(self.settings.account, job.job_id, job.fingerprint)
        # In a thread, as rendering many searches takes long.
        await self.blobs.put_if_absent(url, await in_thread(dump, submission.searches))
        return url

    async def _with_stored_queries(self, submission: Submission, job_id: str) -> Submission:
        """The submission with the URLs under which its named queries are searched."""
        queries = [NamedQuery.of(spec.search) for _, spec in named(submission)]
        urls = await map_distinct(
            lambda query: self.checks.named_queries.store(query, job_id), queries, PARALLEL_READS
        )

        def stored(search: Search) -> Search:
            url = urls.get(NamedQuery.of(search))
            return replace(search, query_url=url) if url else search

        return _changed(submission, stored)

    async def _stored_warnings(self, submission: Submission, job: Job) -> tuple[str, ...]:
        """The warnings of databases and named queries, as they were at the job's acceptance."""
        may_have = any(spec.search.sizing.db_partitions for _, spec in searches_of(submission))
        if not may_have and not any(named(submission)):
            return ()
        [created, *_] = await self.jobs.events(job.job_id, most=1)
        return tuple(created.payload.get("warnings", ()))

    @cached_property
    def checks(self) -> SubmissionChecks:
        return SubmissionChecks(self.jobs, self.blobs, self.settings.account)


def _changed(submission: Submission, change: Callable[[Search], Search]) -> Submission:
    """The submission with a change of each of its searches."""
    if not submission.is_batch:
        return replace(submission, search=change(submission.search))
    searches = tuple(_spec_changed(spec, change) for spec in submission.searches)
    search = replace(common_search(searches), title=submission.search.title)
    return replace(submission, search=search, searches=searches)


def _is_of_other(created: Job, job: Job) -> bool:
    """Whether another request under the key was faster: its sender has another answer."""
    names = ("created_at", "submission_source", "correlation_id", "request_id")
    return any(getattr(created, name) != getattr(job, name) for name in names)


def _spec_changed(spec: SearchSpec, change: Callable[[Search], Search]) -> SearchSpec:
    """The same object if nothing changes: to copy the 10,000 of a batch takes 80 ms."""
    search = change(spec.search)
    return spec if search is spec.search else replace(spec, search=search)


def _require_same(job: Job, submission: Submission) -> Job:
    """Return the job if the submission is the request that created it, else raise Conflict."""
    if job.fingerprint != submission.fingerprint:
        message = (
            f"the idempotency key belongs to {job.job_id}, which has another request: use a new key"
        )
        raise Conflict("idempotency_conflict", message)
    if job.phase is Phase.DELETED:
        message = f"the idempotency key belongs to {job.job_id}, which was deleted: use a new key"
        raise Conflict("idempotency_conflict", message)
    return job


def new_id() -> str:
    """A job id that nothing else has."""
    return f"job-{uuid.uuid4().hex}"


def derived_id(caller: Caller, key: str) -> str:
    """Return the job id that a caller's idempotency key maps to."""
    claim = json.dumps([caller.tenant_id, caller.oid, key])
    return f"job-{hashlib.sha256(claim.encode()).hexdigest()[:32]}"
