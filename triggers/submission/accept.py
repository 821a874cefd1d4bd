"""Accepting a submission. Creating the job's row claims the idempotency key: one job per key."""

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Counts, Job
from shared.contracts.search import Search, SearchSpec
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobStateRepository
from shared.jobs.batch_blob import batch_url, dump, query_url
from shared.settings import Settings
from shared.telemetry.tracing import current_trace_parent
from shared.util.job_scope import enter_job
from shared.util.parallel import parallel_map
from triggers.auth.query_access import QueryAccess
from triggers.auth.quotas import check_active_limit
from triggers.submission.database_catalog import DatabaseCatalog
from triggers.submission.named_queries import (
    FIELD,
    NamedQueries,
    NamedQuery,
    check_named_sizes,
    missing,
)
from triggers.submission.parse import Submission, bounded

PARALLELISM = 16
"""Concurrent storage calls for one request."""
PARALLEL_READS = 2
"""Query blobs of one request in memory at a time, each of up to 20 MB."""
NO_DEADLINE = timedelta(days=3650)
"""Deadline of a batch: it ends with its searches, and each search has its own deadline."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class AcceptedSubmission:
    """The job of a submission; `replayed` if an earlier request with the same key created it."""

    job: Job
    replayed: bool


@dataclass(frozen=True)
class SubmissionService:
    """Creates jobs from submissions by HTTP and by queue."""

    jobs: JobStateRepository
    blobs: Blobs
    settings: Settings
    now: Callable[[], datetime]

    @classmethod
    def of(cls, clients: Dependencies) -> "SubmissionService":
        """The service over the clients of a process. Raises SettingsInvalid and Unavailable."""
        return cls(clients.jobs, clients.blobs, clients.settings, clients.now)

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
        job_id = derived_id(caller, key) if key else f"job-{uuid.uuid4().hex}"
        existing = await self.find_existing(submission, caller, key) if key else None
        if existing is None and max_active_jobs:
            await check_active_limit(self.jobs.index, caller, max_active_jobs)
        job = existing or await self.create(submission, caller, job_id, source, notify)
        enter_job(job.job_id)
        return AcceptedSubmission(_require_same(job, submission), replayed=existing is not None)

    async def find_existing(self, submission: Submission, caller: Caller, key: str) -> Job | None:
        """Return the job that the key created before. Raises Conflict if its request differs."""
        job = await self.jobs.find(derived_id(caller, key))
        return job and _require_same(job, submission)

    async def create(
        self, submission: Submission, caller: Caller, job_id: str, source: str, notify: bool = False
    ) -> Job:
        """Create the job with this id, or return the one that has it. Raises as `accept` does."""
        now, children = self.now(), len(submission.searches)
        faults = [
            *await self.database_faults(submission),
            *await self.query_faults(submission, caller),
        ]
        if faults:
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
            trace_parent=current_trace_parent(),
        )
        submission = await self._with_stored_queries(submission, job_id)
        put = self._put_batch if children else self._put_query
        url = await put(job, submission)
        job = replace(job, search=replace(job.search, query_url=url))
        return await self.jobs.create(job, {"source": source})

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
        await self.blobs.put_if_absent(url, dump(submission.searches))
        return url

    async def database_faults(self, submission: Submission) -> list[Fault]:
        """Return a fault for each database that the program cannot search.

        Each pair of program and database is checked once, however many searches use it.
        """
        pairs = {
            f"{prefix}db": (spec.search.program, spec.search.database_url)
            for prefix, spec in _searches(submission)
        }
        mismatches = await _map_distinct(self.catalog.mismatch, pairs.values())
        return [
            Fault(path, message, "program_database_incompatible")
            for path, pair in pairs.items()
            if (message := mismatches[pair])
        ]

    async def query_faults(self, submission: Submission, caller: Caller) -> list[Fault]:
        """Return the faults of each named query, and one if the caller may not use it.

        Each blob is read once for each program. Raises TooLarge.
        """
        searches = {prefix: spec.search for prefix, spec in _named(submission)}
        access = QueryAccess(self.jobs, self.blobs, self.settings.account)
        urls = (search.query_url for search in searches.values())
        versions = await _map_distinct(lambda url: access.version(caller, url), urls)
        check_named_sizes(versions)
        readable = [search for search in searches.values() if versions[search.query_url]]
        contents = await _map_distinct(
            self._named_queries.read, map(NamedQuery.of, readable), PARALLEL_READS
        )
        faults: list[Fault] = []
        for prefix, search in searches.items():
            if content := contents.get(NamedQuery.of(search)):
                faults += content.search_faults(search, prefix)
            else:
                faults.append(missing(f"{prefix}{FIELD}", search.query_url))
        return faults

    async def _with_stored_queries(self, submission: Submission, job_id: str) -> Submission:
        """The submission with the URLs under which its named queries are searched."""
        queries = [NamedQuery.of(spec.search) for _, spec in _named(submission)]
        urls = await _map_distinct(
            lambda query: self._named_queries.store(query, job_id), queries, PARALLEL_READS
        )

        def stored(search: Search) -> Search:
            url = urls.get(NamedQuery.of(search), search.query_url)
            return replace(search, query_url=url)

        searches = tuple(replace(s, search=stored(s.search)) for s in submission.searches)
        return replace(submission, search=stored(submission.search), searches=searches)

    @property
    def _named_queries(self) -> NamedQueries:
        return NamedQueries(self.blobs, self.settings.account)

    @cached_property
    def catalog(self) -> DatabaseCatalog:
        return DatabaseCatalog(self.blobs, self.settings.account)


def _searches(submission: Submission) -> Iterator[tuple[str, SearchSpec]]:
    """Yield each search of a submission with the prefix of its fault paths."""
    if not submission.searches:
        yield "", SearchSpec(submission.search, submission.query_text, submission.fingerprint)
    for number, spec in enumerate(submission.searches):
        yield f"searches.{number}.", spec


def _named(submission: Submission) -> Iterator[tuple[str, SearchSpec]]:
    """Yield the searches whose query is a blob, with the prefix of their fault paths."""
    return ((prefix, spec) for prefix, spec in _searches(submission) if spec.query_text is None)


async def _map_distinct(
    function: Callable[[Key], Awaitable[Value]], keys: Iterable[Key], parallelism: int = PARALLELISM
) -> dict[Key, Value]:
    """Call the function once per distinct key, so many calls at a time."""
    distinct_keys = list(dict.fromkeys(keys))
    values = await parallel_map(function, distinct_keys, parallelism)
    return dict(zip(distinct_keys, values, strict=True))


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


def derived_id(caller: Caller, key: str) -> str:
    """Return the job id that a caller's idempotency key maps to."""
    claim = json.dumps([caller.tenant_id, caller.oid, key])
    return f"job-{hashlib.sha256(claim.encode()).hexdigest()[:32]}"
