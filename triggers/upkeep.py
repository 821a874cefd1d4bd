"""Upkeep, by the clock: no job is lost, and none is kept for ever."""

from functools import cache

from azure.functions import TimerRequest

from shared import opened
from shared.settings import settings
from shared.threads import in_thread
from triggers.orchestrations import DurableClient
from triggers.purging import Purger
from triggers.reconciling import Reconciler
from triggers.substitutes import Substitutes


async def reconcile(client: DurableClient, substitutes: Substitutes) -> None:
    """Every minute. `substitutes` ends jobs whose orchestrations cannot."""
    reconciler = await in_thread(_reconciler, substitutes)
    await reconciler.tick(client)


async def purge(timer: TimerRequest, client: DurableClient) -> None:
    """Every night."""
    purger = await in_thread(_purger)
    await purger.run(client)


@cache
def _reconciler(substitutes: Substitutes) -> Reconciler:
    deliver = opened.courier().deliver
    return Reconciler(opened.jobs(), settings(), opened.now, deliver, substitutes)


@cache
def _purger() -> Purger:
    return Purger(opened.jobs(), settings().retention, opened.now)
