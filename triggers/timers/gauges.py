"""The gauges of the whole deployment, which one process sets: that of reconcile, every minute."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.clients.queues import Queue
from shared.contracts.states import Phase
from shared.errors import ControlPlaneError
from shared.jobs import JobStateRepository
from shared.telemetry.names import JOBS_ACTIVE, OLDEST_WAITING, Metric
from shared.telemetry.telemetry import Telemetry

log = logging.getLogger("blast")


@dataclass(frozen=True)
class Gauges:
    """Sets the gauges. A gauge whose source does not answer is left out for this minute."""

    jobs: JobStateRepository
    queues: Mapping[Metric, Queue]
    """By gauge, the queue whose length it is."""
    telemetry: Telemetry
    now: Callable[[], datetime]

    async def report(self) -> None:
        """Set all gauges, also those that are 0."""
        try:
            await self._report_jobs()
            for metric, queue in self.queues.items():
                self.telemetry.measure(metric, await queue.length())
        except ControlPlaneError as error:  # reconcile has done its work; the next one tries again
            log.warning("gauges_not_reported code=%s: %s", error.code, error)

    async def _report_jobs(self) -> None:
        active = await self.jobs.index.count_all_active()
        for phase in (phase for phase in Phase if not phase.is_end):
            self.telemetry.measure(JOBS_ACTIVE, active.by_phase[phase], phase=phase.value)
        since = active.oldest_waiting
        age = (self.now() - since).total_seconds() if since else 0.0
        self.telemetry.measure(OLDEST_WAITING, max(age, 0.0))
