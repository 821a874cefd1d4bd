"""What the door asks of Durable Functions: start a job's orchestration, and wake it."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from shared.contracts import wire
from shared.contracts.job import Job
from shared.contracts.steps import BATCH_ORCHESTRATOR, CANCEL_EVENT, ORCHESTRATOR, Start, Verb
from shared.errors import Unavailable
from shared.settings import settings
from shared.waiting import Retry

PATIENCE = timedelta(seconds=30)
"""How long an activity waits for Durable Functions to answer."""


class DurableClient(Protocol):
    """The slice of DurableOrchestrationClient that is used."""

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str: ...

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None: ...

    async def get_status(self, instance_id: str) -> Any: ...


async def ensure_started(client: DurableClient, job: Job) -> None:
    """Start the orchestration of a job that has not ended, unless it has been started.

    Raises Unavailable where it could not be: the job is kept, and the same request starts it again.
    """
    if job.phase.is_end:
        return
    start = wire.write(start_of(job, settings().retry_crash))
    name = BATCH_ORCHESTRATOR if job.children else ORCHESTRATOR
    try:
        await client.start_new(name, job.instance_id, start)
    except Exception as error:  # the SDK raises nothing more exact, also for one that runs already
        if not await _is_known(client, job.instance_id):
            raise Unavailable("not_started", "the search is kept but was not started") from error


def start_of(job: Job, crash_retry: Retry) -> Start:
    """What the orchestration of a job goes on from: behind the last step that its row knows."""
    first = Verb.FAN_OUT if job.children else Verb.PREPARE
    verb = job.report.next if job.report else None
    return Start(job.job_id, crash_retry, job.attempt, verb or first, job.step + 1)


async def wake(client: DurableClient, job: Job) -> None:
    """Tell the orchestration that its job's row has news; without it, it finds them later."""
    try:
        await client.raise_event(job.instance_id, CANCEL_EVENT, {})
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
        logging.getLogger("blast").warning("job %s was not woken: %s", job.job_id, error)


@dataclass(frozen=True)
class FromThread:
    """The same for an activity, which works in a thread while the client lives on the loop."""

    client: DurableClient
    loop: asyncio.AbstractEventLoop

    def ensure_started(self, job: Job) -> None:
        """Start a job's orchestration unless it has been started. Raises Unavailable."""
        self._wait(ensure_started(self.client, job))

    def wake(self, job: Job) -> None:
        """Tell a job's orchestration of news. Raises Unavailable where nothing is answered."""
        self._wait(wake(self.client, job))

    def _wait(self, said: Coroutine[Any, Any, None]) -> None:
        answer = asyncio.run_coroutine_threadsafe(said, self.loop)
        try:
            answer.result(PATIENCE.total_seconds())
        except TimeoutError as error:
            answer.cancel()
            raise Unavailable("not_started", "Durable Functions does not answer") from error


async def _is_known(client: DurableClient, instance_id: str) -> bool:
    """Whether Durable Functions has the instance; it answers something falsy where it has none."""
    try:
        status = await client.get_status(instance_id)
    except Exception as error:
        raise Unavailable("not_started", "the search is kept but was not started") from error
    return bool(status and status.runtime_status)
