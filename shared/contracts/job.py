"""A job as it is kept: its row, its events, and what a list shows of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict

from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.search import Search
from shared.contracts.states import LeftOnCluster, Phase, Status


@dataclass(frozen=True)
class Caller:
    """Who asks. `oid` is stable in its tenant and owns jobs; `upn` is for people to read."""

    oid: str
    tenant_id: str
    upn: str
    is_admin: bool = field(default=False, compare=False)
    """Whether it may do with every job what its owner may. Said of who asks, and never kept."""

    @property
    def id(self) -> str:
        """What tells it from all others."""
        return f"{self.tenant_id}:{self.oid}"


@dataclass(frozen=True)
class Counts:
    """Batches of a search, by what their Jobs say. `expected` is None until it is known.

    Of a batch of searches they count those; while they are being made, `active` is how many are.
    """

    expected: int | None = None
    succeeded: int = 0
    failed: int = 0
    active: int = 0

    @property
    def done(self) -> int:
        return self.succeeded + self.failed


@dataclass(frozen=True)
class PendingFailure:
    """How a job ends once nothing of it is left on the cluster."""

    phase: Phase
    error_code: str
    error: str
    at: datetime
    """When it was passed."""


class JobChanges(TypedDict, total=False):
    """The fields of a job that a transition may change, beside those that record a step."""

    elb_job_id: str
    phase: Phase
    error_code: str | None
    error: str | None
    reason: str | None
    counts: Counts
    ended_submit_operations: int
    config_blob: str | None
    cancel_requested_at: datetime | None
    pending_failure: PendingFailure | None
    untracked_submission_until: datetime | None
    sidecar_instance: str | None
    unrecoverable_since: datetime | None
    failed_jobs: str | None
    failed_jobs_since: datetime | None
    finished_batches: str
    other_cluster: str | None
    left_on_cluster: LeftOnCluster
    cleanup_confirmed_at: datetime | None
    cleanup_abandoned_at: datetime | None
    notify: bool
    request_id: str | None
    started_at: datetime | None


@dataclass(frozen=True)
class Job:
    """The current state of a job. Times are aware, in UTC."""

    job_id: str
    elb_job_id: str
    owner: Caller
    search: Search
    fingerprint: str
    """SHA-256 of the canonical request: the same key with another one is a conflict."""
    submission_source: str
    correlation_id: str
    phase: Phase
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    error_code: str | None = None
    error: str | None = None
    reason: str | None = None
    """Why nothing moves, in words."""
    attempt: int = 1
    step: int = 0
    """The last step of the orchestrator that changed this row."""
    stage: Stage | None = None
    """The stage of that step."""
    decision: Decision | None = None
    """What follows that step, for an activity that runs again and an orchestration that is lost."""
    sequence: int = 1
    """The number of the newest event."""
    counts: Counts = Counts()
    retry_counts: Mapping[Category, int] = field(default_factory=dict)
    """How often each category was the outcome since the last step that went well."""
    ended_submit_operations: int = 0
    """How many submit operations of this attempt have been seen to end."""
    config_blob: str | None = None
    cancel_requested_at: datetime | None = None
    pending_failure: PendingFailure | None = None
    """Set while what a failed search left is cleared away. A cancel by a person has none."""
    untracked_submission_until: datetime | None = None
    """Until then a submission may be running that was given to a sidecar and not seen to end.
    None: nothing was given to a sidecar, or all of it is known to have ended."""
    sidecar_instance: str | None = None
    """The sidecar instance that was given it; None where that keeps no operations."""
    unrecoverable_since: datetime | None = None
    """Since when no Job is left that could still finish the search, and no marker is there."""
    failed_jobs: str | None = None
    """What Kubernetes says of the Jobs that failed, while BLAST's own words are waited for."""
    failed_jobs_since: datetime | None = None
    """When they were first seen to have failed."""
    finished_batches: str = ""
    """The batches whose Jobs were seen Complete, as a bit mask in hexadecimal: finished Jobs vanish
    from the cluster, and what they did still counts."""
    restarts: int = 0
    """How often upkeep has started the orchestration again since its last step."""
    other_cluster: str | None = None
    """The cluster that elastic-blast used instead of the one that was asked for."""
    left_on_cluster: LeftOnCluster = LeftOnCluster.NONE
    """Of a job that has ended: whether something of it may be left."""
    cleanup_confirmed_at: datetime | None = None
    """When it was proven, after the end, that nothing is left."""
    cleanup_abandoned_at: datetime | None = None
    """When upkeep gave up proving it."""
    parent_job_id: str | None = None
    """The batch that this search is one of."""
    child_number: int = 0
    """Its place in that batch, from 1."""
    child_count: int = 0
    """How many searches this batch has; 0 for a single search."""
    notify: bool = False
    """Whether whoever sent it waits for messages on the completions queue."""
    request_id: str | None = None
    """What those messages repeat, if the sender named it."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    phase_entered_at: Mapping[Phase, datetime] = field(default_factory=dict)
    """When this attempt first came into each phase."""

    @property
    def polling_since(self) -> datetime:
        """When it landed on the cluster, or else when it was accepted: its age sets the pace."""
        return self.started_at or self.created_at

    @property
    def last_delay(self) -> timedelta:
        """The wait between the last recorded step and the next one."""
        return self.decision.delay if self.decision else timedelta(0)

    def should_stop(self, now: datetime) -> bool:
        """Whether a cancel was requested, a failure is pending, or the deadline has passed."""
        requested = self.cancel_requested_at is not None or self.pending_failure is not None
        return requested or now >= self.deadline_at

    @property
    def is_settled(self) -> bool:
        """Whether upkeep has nothing to do for it, apart from messages that it owes."""
        is_left = self.left_on_cluster is LeftOnCluster.UNKNOWN
        return self.phase.is_end and not (is_left and self.cleanup_abandoned_at is None)

    @property
    def instance_id(self) -> str:
        """The id of the orchestration of this attempt: each has its own, so that none can be
        mistaken for the one before, which may not have quite ended."""
        return self.job_id if self.attempt == 1 else f"{self.job_id}-{self.attempt}"

    @property
    def next_stage(self) -> Stage:
        """The stage that an orchestration of this job goes on with; of an ended job, its last."""
        if self.decision and self.decision.next_stage:
            return self.decision.next_stage
        first = Stage.START_CHILDREN if self.child_count else Stage.PREPARE
        return self.stage or first

    @property
    def results_prefix(self) -> str:
        """The URL below which ElasticBLAST puts what it makes, with a slash at its end."""
        return f"{self.search.results_url}/{self.elb_job_id}/"


def elb_id(job_id: str, attempt: int) -> str:
    """The id that ElasticBLAST knows an attempt by; the first one has the job's own.

    Kubernetes names carry its last 8 characters, in which all attempts of a job differ.
    """
    if attempt == 1:
        return job_id
    taken = {elb_id(job_id, earlier)[-8:] for earlier in range(1, attempt)}
    salt = 0
    while True:
        digest = hashlib.sha256(f"{job_id}/{attempt}/{salt}".encode()).hexdigest()[:32]
        if digest[-8:] not in taken:
            return f"job-{digest}"
        salt += 1


def child_id(parent_id: str, number: int) -> str:
    """The id of the search of that number in a batch.

    The last 8 characters, which Kubernetes names carry, count up from the parent's own: no two
    searches of a batch have the same, as two of 10,000 that were drawn would (one time in 86).
    """
    drawn = hashlib.sha256(f"{parent_id}/{number}".encode()).hexdigest()[:24]
    return f"job-{drawn}{(int(parent_id[-8:], 16) + number) % 16**8:08x}"


@dataclass(frozen=True)
class Event:
    """One entry of a job's history; sequences start at 1 and have no gaps."""

    job_id: str
    sequence: int
    event: str
    at: datetime
    phase: Phase
    payload: dict[str, Any]


@dataclass(frozen=True)
class OutboxMessage:
    """A message that is still to be sent: what the event of that `sequence` came to."""

    sequence: int
    at: datetime
    status: Status
    attempt: int
    error_code: str | None
    error: str | None
