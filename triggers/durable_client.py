"""Starts, wakes, reads and purges the orchestrations of jobs in Durable Functions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from azure.durable_functions import OrchestrationRuntimeStatus as Runtime

from shared.contracts import serialization
from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    WAKE_EVENT,
    SearchState,
)
from shared.contracts.job import Job
from shared.errors import Unavailable
from shared.settings import Settings
from shared.telemetry.tracing import attached, in_trace
from shared.util.durations import RetryPolicy
from shared.util.redaction import redacted

CALL_TIMEOUT = 20.0
"""Seconds that one call may take; the SDK's own timeout is minutes."""
_ENDED = {Runtime.Completed, Runtime.Failed, Runtime.Terminated, Runtime.Canceled}
FAILED = Runtime.Failed.value
LONGEST_ERROR = 300
"""Characters."""
T = TypeVar("T")
log = logging.getLogger("blast")


class DurableClient(Protocol):
    """The part of DurableOrchestrationClient that is used."""

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str: ...

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None: ...

    async def get_status(self, instance_id: str) -> Any: ...

    async def purge_instance_history(self, instance_id: str) -> Any: ...


@dataclass(frozen=True)
class InstanceStatus:
    """The status of an orchestration."""

    status: str
    """Durable Functions' own status, such as `Running`."""
    is_running: bool
    moved_at: datetime
    error: str | None = None
    """The first line of the error of a failed one."""


async def ensure_started(client: DurableClient, job: Job, crash_retry: RetryPolicy) -> None:
    """Start the orchestration of a job that has not ended, unless it has been started.

    Raises Unavailable if it could not be: the job is stored, and the same request starts it again.
    """
    if not job.phase.is_end:
        await start(client, job, crash_retry)


async def start(client: DurableClient, job: Job, crash_retry: RetryPolicy) -> bool:
    """Start the orchestration of a job, over one that has ended; False if one is running.

    Raises Unavailable.
    """
    begin = serialization.serialize(initial_state(job, crash_retry))
    name = BATCH_ORCHESTRATOR if job.child_count else ORCHESTRATOR
    try:
        with attached(in_trace(job.trace_parent)):  # the SDK passes it to the orchestration
            await _with_timeout(client.start_new(name, job.instance_id, begin))
    except Exception as error:  # the SDK raises nothing more exact, also for one that runs already
        seen = await get_status(client, job.instance_id)
        if not (seen and seen.is_running):
            raise Unavailable("not_started", "the search is kept but was not started") from error
        return False
    return True


def initial_state(job: Job, crash_retry: RetryPolicy) -> SearchState:
    """The input of a job's orchestration: it goes on with the step after the row's.

    The row's stage decides, never its phase: `retrying` belongs to two stages.
    """
    return SearchState(
        job.job_id,
        crash_retry,
        job.attempt,
        job.next_stage,
        job.step + 1,
        trace_parent=job.trace_parent,
    )


async def wake(client: DurableClient, job: Job, crash_retry: RetryPolicy) -> None:
    """End the sleep of a job's orchestration, as the row has changed; restart it if it is lost.

    If neither succeeds, the orchestration reads the row after its delay, or reconcile does.
    """
    try:
        await _with_timeout(client.raise_event(job.instance_id, WAKE_EVENT, {}))
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
        with suppress(Unavailable):  # the row has what changed
            await ensure_started(client, job, crash_retry)
        log.warning("job_not_woken job_id=%s: %s", job.job_id, error)


@dataclass(frozen=True)
class OrchestrationClient:
    """Starts and wakes the orchestrations of jobs, for activities."""

    client: DurableClient
    crash_retry: Callable[[], RetryPolicy]
    """The policy for the orchestrations that it starts. May raise SettingsInvalid."""

    @classmethod
    def of(cls, client: DurableClient, settings: Settings) -> "OrchestrationClient":
        return cls(client, lambda: settings.crash_retry)

    async def ensure_started(self, job: Job) -> None:
        """Start a job's orchestration unless it has been started. Raises Unavailable."""
        await ensure_started(self.client, job, self.crash_retry())

    async def wake(self, job: Job) -> None:
        """End the sleep of a job's orchestration: see `wake`."""
        await wake(self.client, job, self.crash_retry())


async def get_status(client: DurableClient, instance_id: str) -> InstanceStatus | None:
    """The status of an orchestration; None if there is none. Raises Unavailable.

    None also for an answer without a status: only `start` proves that there is none.
    """
    try:
        answer = await _with_timeout(client.get_status(instance_id))
    except Exception as error:  # the SDK raises nothing more exact
        raise Unavailable(
            "durable_unavailable", f"the status of {instance_id} cannot be read"
        ) from error
    if not (answer and answer.runtime_status):
        return None
    status = answer.runtime_status
    error_text = _first_line(answer.output) if status is Runtime.Failed else None
    return InstanceStatus(status.value, status not in _ENDED, answer.last_updated_time, error_text)


async def purge_history(client: DurableClient, instance_id: str) -> None:
    """Remove the history of an orchestration that has ended. Idempotent. Raises Unavailable."""
    try:
        await _with_timeout(client.purge_instance_history(instance_id))
    except Exception as error:  # the SDK raises nothing more exact
        raise Unavailable("durable_unavailable", f"{instance_id} was not purged") from error


def _first_line(output: object) -> str | None:
    lines = str(output or "").strip().splitlines()
    return redacted(lines[0])[:LONGEST_ERROR] if lines else None


async def _with_timeout(call: Awaitable[T]) -> T:
    async with asyncio.timeout(CALL_TIMEOUT):
        return await call
