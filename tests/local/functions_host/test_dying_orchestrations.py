"""Failure 49 on the local host: the SDK's own client, and an orchestrator that raises at once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.contracts.activities import ORCHESTRATOR
from shared.contracts.states import Phase
from tests.local.functions_host.hosted_app import Story, World, app_of, hosted
from tests.simulation.scene import Scene, Store
from tests.simulation.upkeep import Upkeep
from tests.support.samples import settings

MINUTE = timedelta(minutes=1)


def blast_job(context: Any) -> Story:
    context.get_input()
    raise ModuleNotFoundError("No module named 'x'")
    yield  # what makes it an orchestrator


@pytest.fixture
def scene(azurite: Azurite) -> Scene:
    return Scene(Store.on(azurite, settings()))


async def passes(world: World, upkeep: Upkeep, minutes: int) -> None:
    """Let the timer run every minute; each orchestration that it starts comes to its end."""
    for _ in range(minutes):
        await upkeep.run(MINUTE)
        await world.quiet()


async def test_failure_49_a_job_whose_orchestrator_raises_says_why_and_can_be_cancelled(
    scene: Scene, state: Path
) -> None:
    async with hosted(app_of(blast_job), state) as world:
        scene.clock.now = world.clock.now()
        scene.world.batch_time = None
        job = scene.submitted()
        await world.start(ORCHESTRATOR, instance=job.job_id)
        assert (await world.ended(job.job_id)).status == "Failed"
        upkeep = Upkeep(scene, world.client)
        await passes(world, upkeep, 7)
        now = scene.now(job)
        assert (now.phase, now.restarts) == (Phase.SUBMITTED, 1)
        assert "No module named 'x'" in (now.reason or "")
        assert scene.world.with_pods(job.elb_job_id)
        scene.cancel(job)
        await passes(world, upkeep, 8)
        assert scene.now(job).phase is Phase.CANCELLED
        assert scene.world.with_pods(job.elb_job_id) == []
        assert (await world.instance(job.job_id)).status == "Failed", "operators see the fault"


async def test_failure_49_after_five_restarts_it_ends(scene: Scene, state: Path) -> None:
    async with hosted(app_of(blast_job), state) as world:
        scene.clock.now = world.clock.now()
        job = scene.accept()
        await passes(world, Upkeep(scene, world.client), 60)
        now = scene.now(job)
        assert (now.phase, now.error_code) == (Phase.SUBMIT_FAILED, "orchestration_failed")
        assert "No module named 'x'" in (now.error or "")
        assert len(scene.events(job, "orchestration_restarted")) == 5
