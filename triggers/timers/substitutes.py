"""What upkeep is passed to end a job whose orchestration cannot: the activities implement it."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from shared.contracts.activities import CleanupResult, Decision
from shared.contracts.job import Job
from triggers.durable_client import SyncDurableClient


class Substitute(Protocol):
    """Takes the steps that end a job, in a thread. All may be repeated; all raise Unavailable."""

    def stop(self, job_id: str) -> Decision: ...

    def fail(self, job_id: str, error: str) -> Decision: ...

    def clean_up(self, job: Job) -> CleanupResult: ...


Substitutes: TypeAlias = Callable[[SyncDurableClient], Substitute]
"""Gives one that starts and wakes other orchestrations by the given client."""
