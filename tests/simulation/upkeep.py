"""Upkeep in a small world, where every orchestration fails as soon as it is started."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.contracts.job import Job
from tests.simulation.scene import Scene
from tests.support.fake_durable import FakeDurable
from tests.support.samples import publish_nothing
from triggers.timers.reconcile import Reconciler

ERROR = "Orchestrator function 'blast_job' failed: ModuleNotFoundError: No module named 'x'"
MINUTE = timedelta(minutes=1)


@dataclass
class DyingDurable(FakeDurable):
    """Starts every orchestration, and each fails at once."""

    error: str = f"{ERROR}\n\n$OutOfProcData$:{{}}"

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        await super().start_new(name, instance_id, client_input)
        self.ends(instance_id, "Failed", self.error)
        return instance_id


@dataclass
class Upkeep:
    """The reconcile timer over a scene, with the real job_stopper."""

    scene: Scene
    durable: FakeDurable
    found: list[dict[str, int]] = field(default_factory=list)
    """What the ticks found, without those that found nothing."""

    def __post_init__(self) -> None:
        scene = self.scene
        self.reconciler = Reconciler(
            scene.jobs,
            scene.store.settings,
            scene.clock,
            publish_nothing,
            lambda _: scene.job_stopper,
            scene.context.telemetry,
        )

    async def tick(self) -> Counter[str]:
        return await self.reconciler.tick(self.durable)

    async def run(self, time: timedelta) -> None:
        """Let the timer run every minute for so long."""
        until = self.scene.clock() + time
        while self.scene.clock() < until:
            await self.scene.passes(60)
            if found := await self.tick():
                self.found.append(dict(found))

    async def is_active(self, job: Job) -> bool:
        """Whether upkeep would find the job some day."""
        index = self.scene.jobs.index
        late = index.find_overdue(self.scene.clock() + timedelta(days=3))
        return job.job_id in [job_id async for _, job_id in late]
