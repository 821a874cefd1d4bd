"""Failure 49 on the local host: an orchestrator that raises immediately."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.contracts.activities import ORCHESTRATOR
from shared.contracts.states import Phase
from tests.local.functions_host.hosted_app import HostFixture, Orchestration, app_of, hosted
from tests.simulation.scene import Scene, Store
from tests.simulation.upkeep import Upkeep
from tests.support.samples import settings

MINUTE = timedelta(minutes=1)


def blast_job(context: Any) -> Orchestration:
    context.get_input()
    raise ModuleNotFoundError("No module named 'x'")
    yield  # makes it a generator


@pytest.fixture
async def scene(azurite: Azurite) -> Scene:
    return Scene(await Store.on(azurite, settings()))


async def passes(host: HostFixture, upkeep: Upkeep, minutes: int) -> None:
    """Run the timer every minute, and wait for the orchestrations that it starts."""
    for _ in range(minutes):
        await upkeep.run(MINUTE)
        await host.idle()


async def test_failure_49_a_job_whose_orchestrator_raises_has_a_reason_and_can_be_cancelled(
    scene: Scene, state: Path
) -> None:
    async with hosted(app_of(blast_job), state) as host:
        scene.clock.now = host.clock.now()
        scene.environment.batch_time = None
        job = await scene.submitted()
        await host.start(ORCHESTRATOR, instance=job.job_id)
        assert (await host.ended(job.job_id)).status == "Failed"
        upkeep = Upkeep(scene, host.client)
        await passes(host, upkeep, 6)
        now = await scene.now(job)
        assert (now.phase, now.restarts) == (Phase.SUBMITTED, 1)
        assert "No module named 'x'" in (now.reason or "")
        assert scene.environment.with_pods(job.elb_job_id)
        await scene.cancel(job)
        await passes(host, upkeep, 8)
        assert (await scene.now(job)).phase is Phase.CANCELLED
        assert scene.environment.with_pods(job.elb_job_id) == []
        assert (await host.instance(job.job_id)).status == "Failed", "operators see the fault"


@pytest.mark.acceptance
async def test_failure_49_the_job_fails_after_five_restarts(scene: Scene, state: Path) -> None:
    async with hosted(app_of(blast_job), state) as host:
        scene.clock.now = host.clock.now()
        job = await scene.accept()
        await passes(host, Upkeep(scene, host.client), 60)
        now = await scene.now(job)
        assert (now.phase, now.error_code) == (Phase.SUBMIT_FAILED, "orchestration_failed")
        assert "No module named 'x'" in (now.error or "")
        assert len(await scene.events(job, "orchestration_restarted")) == 5
