"""Accepting a search: the job's row is the claim, and each key has exactly one."""

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from shared.clients.blobs import Blobs
from shared.contracts.job import Caller, Job
from shared.contracts.search import Search
from shared.contracts.states import Phase
from shared.errors import Conflict, Fault, Invalid
from shared.jobs import JobStateRepository
from shared.settings import Settings
from shared.storage_urls import QUERIES, Account
from triggers.catalogue import Catalogue
from triggers.search_request import Submission


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
        self, asked: Submission, who: Caller, key: str | None, source: str, *, notify: bool = False
    ) -> Accepted:
        """Keep a job. The same key with the same request gives the same job again.

        `notify` is for a new one: its transitions are told on the completions queue.
        Raises Conflict where the key stands for another request, Invalid where the query that is
        named is not there, and Unavailable, without a job, where it could not be kept.
        """
        job_id = derived_id(who, key) if key else f"job-{uuid.uuid4().hex}"
        known = self.known(asked, who, key) if key else None
        job = known or self._keep(asked, who, job_id, source, notify)
        return Accepted(_same(job, asked), replayed=known is not None)

    def known(self, asked: Submission, who: Caller, key: str) -> Job | None:
        """The job that the key stands for already. Raises Conflict where it is another request."""
        job = self.jobs.find(derived_id(who, key))
        return job and _same(job, asked)

    def _keep(self, asked: Submission, who: Caller, job_id: str, source: str, notify: bool) -> Job:
        now = self.now()
        self._catalogue.check(asked.search.program, asked.search.database_url)
        job = Job(
            job_id=job_id,
            elb_job_id=job_id,
            owner=who,
            search=self._with_query(asked, job_id),
            fingerprint=asked.fingerprint,
            submission_source=source,
            correlation_id=asked.correlation_id or job_id,
            phase=Phase.QUEUED,
            created_at=now,
            updated_at=now,
            deadline_at=now + self.settings.deadline,
            notify=notify,
            request_id=asked.request_id,
        )
        return self.jobs.create(job, {"source": source})

    def _with_query(self, asked: Submission, job_id: str) -> Search:
        """The search with its query in Blob: text is put there, a named one must be there."""
        if asked.query_text is None:
            if not self.blobs.exists(asked.search.query_url):
                raise Invalid([Fault("query_blob_url", f"there is no {asked.search.query_url}")])
            return asked.search
        # Named by its request too: two requests that race for one key do not overwrite each other.
        url = self._account.url(QUERIES, f"{job_id}/{asked.fingerprint[:16]}.fa")
        self.blobs.put(url, asked.query_text.encode())
        return replace(asked.search, query_url=url)

    @property
    def _account(self) -> Account:
        return Account(self.settings.storage_account, self.settings.storage_suffix)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.blobs, self._account)


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
