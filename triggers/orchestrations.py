"""What the door asks of Durable Functions: start a job's orchestration, and wake it."""

import logging
from typing import Any, Protocol

from shared.contracts import wire
from shared.contracts.job import Job
from shared.contracts.steps import CANCEL_EVENT, ORCHESTRATOR, Start, Verb
from shared.errors import Unavailable
from shared.settings import settings
from shared.waiting import Retry


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
    try:
        await client.start_new(ORCHESTRATOR, job.instance_id, start)
    except Exception as error:  # the SDK raises nothing more exact, also for one that runs already
        if not await _is_known(client, job.instance_id):
            raise Unavailable("not_started", "the search is kept but was not started") from error


def start_of(job: Job, crash_retry: Retry) -> Start:
    """What the orchestration of a job goes on from: behind the last step that its row knows."""
    verb = job.report.next if job.report else None
    return Start(job.job_id, crash_retry, job.attempt, verb or Verb.PREPARE, job.step + 1)


async def wake(client: DurableClient, job: Job) -> None:
    """Tell the orchestration that its job's row has news; without it, it finds them later."""
    try:
        await client.raise_event(job.instance_id, CANCEL_EVENT, {})
    except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
        logging.getLogger("blast").warning("job %s was not woken: %s", job.job_id, error)


async def _is_known(client: DurableClient, instance_id: str) -> bool:
    """Whether Durable Functions has the instance; it answers something falsy where it has none."""
    try:
        status = await client.get_status(instance_id)
    except Exception as error:
        raise Unavailable("not_started", "the search is kept but was not started") from error
    return bool(status and status.runtime_status)
