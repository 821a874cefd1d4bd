"""How reconcile ends a job without its orchestration: activities implement this interface."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from shared.contracts.activities import CleanupResult, StepResult
from shared.contracts.job import Job
from triggers.durable_client import OrchestrationClient


class Stopper(Protocol):
    """Takes the steps that end a job, in a thread. All may be repeated; all raise Unavailable."""

    async def stop(self, job_id: str) -> StepResult: ...

    async def fail(self, job_id: str, error: str) -> StepResult: ...

    async def clean_up(self, job: Job) -> CleanupResult: ...


StopperFactory: TypeAlias = Callable[[OrchestrationClient], Stopper]
"""Gives one that starts and wakes other orchestrations by the given client."""
