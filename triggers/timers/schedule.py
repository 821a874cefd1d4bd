"""The timer functions: reconcile every minute, purge every night."""

from functools import cache

from azure.functions import TimerRequest

from shared import dependencies
from shared.settings import settings
from shared.util.threads import in_thread
from triggers.durable_client import DurableClient
from triggers.timers.purge import Purger
from triggers.timers.reconcile import Reconciler
from triggers.timers.stopper import StopperFactory


async def reconcile(client: DurableClient, stopper_factory: StopperFactory) -> None:
    """Recover overdue jobs; runs every minute.

    `stopper_factory` makes the object that ends jobs whose orchestration cannot run.
    """
    reconciler = await in_thread(_reconciler, stopper_factory)
    await reconciler.tick(client)


async def purge(timer: TimerRequest, client: DurableClient) -> None:
    """Remove expired jobs; runs every night."""
    purger = await in_thread(_purger)
    await purger.run(client)


@cache
def _reconciler(stopper_factory: StopperFactory) -> Reconciler:
    publish = dependencies.outbox_publisher().publish_pending
    return Reconciler(dependencies.jobs(), settings(), dependencies.now, publish, stopper_factory)


@cache
def _purger() -> Purger:
    return Purger(dependencies.jobs(), settings().retention, dependencies.now)
