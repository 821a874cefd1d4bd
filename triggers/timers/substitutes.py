"""What upkeep is passed to end a job whose orchestration cannot: the activities implement it."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from shared.contracts.activities import CleanupResult, Report
from shared.contracts.job import Job
from triggers.durable_client import FromThread


class Substitute(Protocol):
    """Takes the steps that end a job, in a thread. All may be repeated; all raise Unavailable."""

    def stop(self, job_id: str) -> Report: ...

    def fail(self, job_id: str, error: str) -> Report: ...

    def clean_up(self, job: Job) -> CleanupResult: ...


Substitutes: TypeAlias = Callable[[FromThread], Substitute]
"""Gives one that starts and wakes other orchestrations by the given client."""
