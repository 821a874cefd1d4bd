"""Upkeep, by the clock: no job is lost, and none is kept for ever."""

import asyncio
from functools import cache

from azure.functions import TimerRequest

from shared import opened
from shared.contracts.job import Job
from shared.errors import Unavailable
from shared.settings import settings
from triggers.orchestrations import DurableClient
from triggers.purging import Purger
from triggers.reconciling import Reconciler


async def reconcile(timer: TimerRequest, client: DurableClient) -> None:
    """Every minute."""
    reconciler = await asyncio.to_thread(_reconciler)
    await reconciler.tick(client)


async def purge(timer: TimerRequest, client: DurableClient) -> None:
    """Every night."""
    purger = await asyncio.to_thread(_purger)
    await purger.run(client)


@cache
def _reconciler() -> Reconciler:
    return Reconciler(opened.jobs(), settings(), opened.now, deliver)


@cache
def _purger() -> Purger:
    return Purger(opened.jobs(), settings().retention, opened.now)


def deliver(job: Job) -> None:
    """Send what a job owes. There is no queue yet to send it by; nor a way in that asks for it."""
    raise Unavailable("no_courier", f"{job.job_id} owes messages, and nothing sends them")
