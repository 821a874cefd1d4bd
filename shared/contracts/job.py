"""A job as it is stored: its row, its events, and its messages."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict

from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.search import Search
from shared.contracts.states import LeftOnCluster, Phase, Status


@dataclass(frozen=True)
class Caller:
    """The caller of a request. `oid` is stable in its tenant and owns jobs; `upn` is a label."""

    oid: str
    tenant_id: str
    upn: str
    is_admin: bool = field(default=False, compare=False)
    """Whether the caller has the rights of the owner of every job. Never stored."""

    @property
    def id(self) -> str:
        """The key of the caller, unique in all tenants."""
        return f"{self.tenant_id}:{self.oid}"


@dataclass(frozen=True)
class Counts:
    """Batches of a search, by the state of their Jobs. `expected` is None until it is known.

    Of a batch of searches they count the searches; while those are created, `active` counts those
    that are known to be.
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
    """The end of a job whose clean-up goes on."""

    phase: Phase
    error_code: str
    error: str
    at: datetime
    """The time of the failure."""


class JobChanges(TypedDict, total=False):
    """The fields of a job that a transition may change, beside those that record a step."""

    elb_job_id: str
    phase: Phase
    deadline_at: datetime
    error_code: str | None
    error: str | None
    reason: str | None
    counts: Counts
    retry_counts: Mapping[Category, int]
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
    collected_at: datetime | None
    delete_requested_at: datetime | None


@dataclass(frozen=True)
class Job:
    """The current state of a job. Times are aware, in UTC."""

    job_id: str
    elb_job_id: str
    owner: Caller
    search: Search
    fingerprint: str
    """SHA-256 of the canonical request: another one for the same key is a conflict."""
    submission_source: str
    correlation_id: str
    phase: Phase
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    error_code: str | None = None
    error: str | None = None
    reason: str | None = None
    """Why nothing moves, as a sentence."""
    attempt: int = 1
    step: int = 0
    """The number of the last step that changed this row."""
    stage: Stage | None = None
    """The stage of that step."""
    decision: Decision | None = None
    """What follows that step, for an activity that runs again and an orchestration that is lost."""
    sequence: int = 1
    """The number of the newest event."""
    counts: Counts = Counts()
    retry_counts: Mapping[Category, int] = field(default_factory=dict)
    """How often each category was the outcome since a stage was done."""
    ended_submit_operations: int = 0
    """How many submit operations are known to have ended."""
    config_blob: str | None = None
    cancel_requested_at: datetime | None = None
    delete_requested_at: datetime | None = None
    """Its owner wants it deleted as soon as it has ended and nothing of it is left."""
    pending_failure: PendingFailure | None = None
    """Set while a failed search is cleaned up. A cancel has none."""
    untracked_submission_until: datetime | None = None
    """Until then a submission may be running whose end is not known. None: no submission was given
    to a sidecar, or all are known to have ended."""
    sidecar_instance: str | None = None
    """The sidecar instance that has it; None if the sidecar keeps no operations."""
    unrecoverable_since: datetime | None = None
    """Since when no Job is left that could end the search, and there is no marker."""
    failed_jobs: str | None = None
    """Kubernetes' messages of the failed Jobs, while BLAST's own message may still come."""
    failed_jobs_since: datetime | None = None
    """When they were first seen to have failed."""
    finished_batches: str = ""
    """The batches whose Jobs were Complete, as a bit mask in hexadecimal: finished Jobs vanish from
    the cluster, and still count."""
    check_at: datetime | None = None
    """When reconcile checks on the job, as its active row says since its last write."""
    restarts: int = 0
    """How often reconcile has restarted the orchestration since its last recorded step."""
    other_cluster: str | None = None
    """The cluster that elastic-blast used instead of the requested one, in any attempt."""
    left_on_cluster: LeftOnCluster = LeftOnCluster.NONE
    """Whether attempts that have ended may have left something on a cluster. The next attempt keeps
    it until the clean-up before its submission has proven that nothing is left."""
    cleanup_confirmed_at: datetime | None = None
    """The time of the proof, after the end, that nothing is left."""
    cleanup_abandoned_at: datetime | None = None
    """When reconcile stopped trying to prove it."""
    parent_job_id: str | None = None
    """The batch that this search belongs to."""
    child_number: int = 0
    """Its place in that batch, from 1."""
    child_count: int = 0
    """How many searches this batch has; 0 for a single search."""
    notify: bool = False
    """Whether its sender gets messages on the completions queue."""
    request_id: str | None = None
    """The sender's id of the request, which those messages repeat."""
    started_at: datetime | None = None
    collected_at: datetime | None = None
    """When all results were found to be there."""
    finished_at: datetime | None = None
    phase_entered_at: Mapping[Phase, datetime] = field(default_factory=dict)
    """When this attempt first entered each phase."""
    phase_since: datetime | None = None
    """When it entered its phase the last time; None while that is the first one of a new job."""
    trace_parent: str | None = None
    """The W3C `traceparent` of the request that began this attempt: all of its work is one trace.
    """

    @property
    def accepted_at(self) -> datetime:
        """When this attempt was accepted."""
        return self.phase_entered_at.get(Phase.QUEUED, self.created_at)

    @property
    def in_phase_since(self) -> datetime:
        """When it entered its phase the last time."""
        return self.phase_since or self.created_at

    @property
    def polling_since(self) -> datetime:
        """When it was submitted, or else accepted: the delays between looks grow with this age."""
        return self.started_at or self.created_at

    @property
    def last_delay(self) -> timedelta:
        """The wait between the last recorded step and the next one."""
        return self.decision.delay if self.decision else timedelta(0)

    @property
    def should_stop_since(self) -> datetime:
        """From when on the job should stop: its cancel, its failure or its deadline."""
        failed_at = self.pending_failure.at if self.pending_failure else None
        times = (self.cancel_requested_at, failed_at, self.deadline_at)
        return min(time for time in times if time is not None)

    def should_stop(self, now: datetime) -> bool:
        """Whether a cancel was requested, a failure is pending, or the deadline has passed."""
        requested = self.cancel_requested_at is not None or self.pending_failure is not None
        return requested or now >= self.deadline_at

    @property
    def is_settled(self) -> bool:
        """Whether reconcile has nothing to do for it, but to publish its messages."""
        is_left = self.left_on_cluster is LeftOnCluster.UNKNOWN and not self.cleanup_abandoned_at
        return self.phase.is_end and not is_left and not self.is_to_be_deleted

    @property
    def is_to_be_deleted(self) -> bool:
        """Whether its owner wants it deleted, and nothing speaks against it any more."""
        is_wanted = self.delete_requested_at is not None and self.phase is not Phase.DELETED
        return is_wanted and self.phase.is_end and self.left_on_cluster is LeftOnCluster.NONE

    @property
    def instance_id(self) -> str:
        """The id of this attempt's orchestration. Each attempt has another, as the orchestration of
        the one before may not have ended yet."""
        return self.job_id if self.attempt == 1 else f"{self.job_id}-{self.attempt}"

    @property
    def next_stage(self) -> Stage:
        """The stage that an orchestration of this job goes on with; of an ended job, its last."""
        if self.decision and self.decision.next_stage:
            return self.decision.next_stage
        first = Stage.START_CHILDREN if self.child_count else Stage.PREPARE
        return self.stage or first

    @property
    def previous_attempts(self) -> list["Job"]:
        """The attempts before this one, with the fields that their clean-up needs.

        Operations are numbered through all attempts, so that the number of the last one is the
        job's.
        """
        return [replace(self, elb_job_id=elb_id(self.job_id, n)) for n in range(1, self.attempt)]

    @property
    def results_prefix(self) -> str:
        """The URL of the folder of ElasticBLAST's results; it ends with a slash."""
        return f"{self.search.results_url}/{self.elb_job_id}/"


def elb_id(job_id: str, attempt: int) -> str:
    """ElasticBLAST's id of an attempt; that of the first is the job's own.

    Kubernetes names have its last 8 characters, in which all attempts of a job differ.
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

    The last 8 characters, which are part of Kubernetes names, count up from the parent's own, so
    that no two searches of a batch share them. Of 10,000 random ones two would (one time in 86).
    """
    prefix = hashlib.sha256(f"{parent_id}/{number}".encode()).hexdigest()[:24]
    return f"job-{prefix}{(int(parent_id[-8:], 16) + number) % 16**8:08x}"


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
    """A message that is still to be sent, about the event with this `sequence`."""

    sequence: int
    at: datetime
    status: Status
    attempt: int
    error_code: str | None
    error: str | None
