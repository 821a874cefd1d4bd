"""The timer functions: reconcile every minute, purge every night."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from azure.functions import TimerRequest

from shared.dependencies import Dependencies
from shared.errors import Unavailable
from shared.last_step import followed_by
from triggers.durable_client import DurableClient
from triggers.timers.gauges import Gauges
from triggers.timers.purge import Purger
from triggers.timers.reconcile import Reconciler
from triggers.timers.stopper import StopperFactory

log = logging.getLogger("blast")


@contextmanager
def postponed(timer: str) -> Iterator[None]:
    """Leave the work to the next run of the timer if a service does not answer.

    The run does not fail: a failure counts as a fault of the app, and the services have alerts.
    """
    try:
        yield
    except Unavailable as error:
        log.warning("timer_postponed timer=%s code=%s: %s", timer, error.code, error)


class Timers:
    """The timer functions over the clients of a process."""

    def __init__(self, dependencies: Dependencies, stopper_factory: StopperFactory) -> None:
        """`stopper_factory` makes the object that ends jobs whose orchestration cannot run."""
        self._dependencies = dependencies
        self._stopper_factory = stopper_factory

    async def reconcile(self, timer: TimerRequest, client: DurableClient) -> None:
        """Recover overdue jobs; runs every minute."""
        with postponed("reconcile"):
            # A crash on some jobs concerns no gauge.
            async with followed_by(lambda: self._gauges.report(), "report_gauges"):
                await self._reconciler.tick(client)

    async def purge(self, timer: TimerRequest, client: DurableClient) -> None:
        """Remove expired jobs; runs every night."""
        with postponed("purge"):
            await self._purger.run(client)

    @property
    def _reconciler(self) -> Reconciler:
        clients = self._dependencies
        publish = clients.outbox_publisher.publish_pending
        return Reconciler(
            clients.jobs,
            clients.settings,
            clients.now,
            publish,
            self._stopper_factory,
            clients.telemetry,
        )

    @property
    def _gauges(self) -> Gauges:
        clients = self._dependencies
        return Gauges(clients.jobs, clients.measured_queues, clients.telemetry, clients.now)

    @property
    def _purger(self) -> Purger:
        clients = self._dependencies
        return Purger(clients.jobs, clients.settings.retention, clients.now)
