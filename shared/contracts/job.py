"""A job as it is kept: its row, its events, and what a list shows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.contracts.search import Search
from shared.contracts.states import Phase
from shared.contracts.steps import Category


@dataclass(frozen=True)
class Caller:
    """Who asks. `oid` is stable and owns jobs; `upn` is for people to read."""

    oid: str
    tenant_id: str
    upn: str


@dataclass(frozen=True)
class Counts:
    """Batches of a search, by what their Jobs say. `expected` is None until it is known."""

    expected: int | None = None
    succeeded: int = 0
    failed: int = 0
    active: int = 0

    @property
    def done(self) -> int:
        return self.succeeded + self.failed


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
    report: dict[str, Any] | None = None
    """What that step reported, for an activity that runs again."""
    sequence: int = 1
    """The number of the newest event."""
    counts: Counts = Counts()
    tries: Mapping[Category, int] = field(default_factory=dict)
    """How often each category was the outcome since the last step that went well."""
    operations: int = 0
    """How many submit operations of this attempt have been seen to end."""
    config_blob: str | None = None
    cancel_requested_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def results_prefix(self) -> str:
        """The URL below which ElasticBLAST puts what it makes, with a slash at its end."""
        return f"{self.search.results_url}/{self.elb_job_id}/"


@dataclass(frozen=True)
class Event:
    """One entry of a job's history; sequences start at 1 and have no gaps."""

    job_id: str
    sequence: int
    event: str
    at: datetime
    phase: Phase
    payload: dict[str, Any]
