"""What is asked of Durable Functions: start a job's orchestration, wake it, look, forget it."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
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
from shared.settings import settings
from shared.util.durations import RetryPolicy

CALL_TIMEOUT = 20.0
"""Seconds that one call may take: the SDK itself would wait for minutes."""
THREAD_TIMEOUT = 3 * CALL_TIMEOUT + 5
"""Seconds that an activity waits for whoever speaks to Durable Functions for it."""
_ENDED = {Runtime.Completed, Runtime.Failed, Runtime.Terminated, Runtime.Canceled}
FAILED = Runtime.Failed.value
LONGEST_ERROR = 300
"""Characters."""
T = TypeVar("T")


class DurableClient(Protocol):
    """The slice of DurableOrchestrationClient that is used."""

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str: ...

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None: ...

    async def get_status(self, instance_id: str) -> Any: ...

    async def purge_instance_history(self, instance_id: str) -> Any: ...


@dataclass(frozen=True)
class InstanceStatus:
    """What Durable Functions says of an orchestration that it knows."""

    status: str
    """In Durable's words, such as `Running`."""
    is_running: bool
    moved_at: datetime
    error: str | None = None
    """What one that failed failed with: the first line of it."""


async def ensure_started(client: DurableClient, job: Job) -> None:
    """Start the orchestration of a job that has not ended, unless it has been started.

    Raises Unavailable where it could not be: the job is kept, and the same request starts it again.
    """
    if not job.phase.is_end:
        await start(client, job, settings().retry_crash)


async def start(client: DurableClient, job: Job, crash_retry: RetryPolicy) -> bool:
    """Start the orchestration of a job, over one that has ended; False where one lives already.

    Raises Unavailable.
    """
    begin = serialization.serialize(initial_state(job, crash_retry))
    name = BATCH_ORCHESTRATOR if job.child_count else ORCHESTRATOR
    try:
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
    return SearchState(job.job_id, crash_retry, job.attempt, job.next_stage, job.step + 1)


async def wake(client: DurableClient, job: Job) -> None:
    """Tell the orchestration that its job's row has news; one that is lost is started again.

    Where neither can be done, it finds the news later, or upkeep does.
    """
    _log_wake(job, await _wake(client, job))


@dataclass(frozen=True)
class SyncDurableClient:
    """The same for an activity, which works in a thread while the client lives on the loop."""

    client: DurableClient
    loop: asyncio.AbstractEventLoop

    def ensure_started(self, job: Job) -> None:
        """Start a job's orchestration unless it has been started. Raises Unavailable."""
        self._wait(ensure_started(self.client, job))

    def wake(self, job: Job) -> None:
        """Tell a job's orchestration of news. Raises Unavailable where nothing is answered."""
        # Logged in this thread: on the loop it would not be known whose line it is.
        _log_wake(job, self._wait(_wake(self.client, job)))

    def _wait(self, said: Coroutine[Any, Any, T]) -> T:
        answer = asyncio.run_coroutine_threadsafe(said, self.loop)
        try:
            return answer.result(THREAD_TIMEOUT)
        except TimeoutError as error:
            answer.cancel()
            raise Unavailable("not_started", "Durable Functions does not answer") from error


async def get_status(client: DurableClient, instance_id: str) -> InstanceStatus | None:
    """What an orchestration does; None where there is none. Raises Unavailable.

    An answer that cannot be made out is None as well: only `start` knows for certain.
    """
    try:
        found = await _with_timeout(client.get_status(instance_id))
    except Exception as error:
        raise Unavailable("durable_unavailable", f"{instance_id} cannot be looked at") from error
    if not (found and found.runtime_status):
        return None
    status = found.runtime_status
    why = _first_line(found.output) if status is Runtime.Failed else None
    return InstanceStatus(status.value, status not in _ENDED, found.last_updated_time, why)


async def purge_history(client: DurableClient, instance_id: str) -> None:
    """Remove what is kept of an orchestration that has ended; said twice, it is done once.

    Raises Unavailable.
    """
    try:
        await _with_timeout(client.purge_instance_history(instance_id))
    except Exception as error:
        raise Unavailable("durable_unavailable", f"{instance_id} was not purged") from error


async def _wake(client: DurableClient, job: Job) -> Exception | None:
    """Wake or start the orchestration of a job; what kept it from being woken."""
    try:
        await _with_timeout(client.raise_event(job.instance_id, WAKE_EVENT, {}))
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
        with suppress(Unavailable):  # the row has the news
            await ensure_started(client, job)
        return error
    return None


def _log_wake(job: Job, error: Exception | None) -> None:
    if error:
        logging.getLogger("blast").warning("job %s was not woken: %s", job.job_id, error)


def from_here(client: DurableClient) -> SyncDurableClient:
    """The client, for threads that are started on the running loop."""
    return SyncDurableClient(client, asyncio.get_running_loop())


def _first_line(output: object) -> str | None:
    lines = str(output or "").strip().splitlines()
    return lines[0][:LONGEST_ERROR] if lines else None


async def _with_timeout(call: Awaitable[T]) -> T:
    async with asyncio.timeout(CALL_TIMEOUT):
        return await call
