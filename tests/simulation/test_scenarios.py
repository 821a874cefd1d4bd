"""Tales of whole jobs in a small world that once ended badly, or must not."""

from datetime import timedelta

import pytest

from shared.contracts.states import Phase
from tests.simulation.invariants import check_ended, check_now
from tests.simulation.models import CallFault, Plan
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.environment.batch_time = MINUTE
    return scene


async def ends_well(scene: Scene) -> None:
    """All jobs are completed, were submitted once, and broke no law."""
    jobs = [await scene.jobs.get(job_id) for job_id in scene.drivers]
    await check_now(scene, jobs, {})
    await check_ended(scene, jobs)
    assert [job.phase for job in jobs] == [Phase.COMPLETED] * len(jobs)
    assert [driver.crashes for driver in scene.drivers.values()] == [[]] * len(jobs)
    assert len(scene.environment.processes) == len(jobs)


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "what", [CallFault.ANSWER_LOST, CallFault.DIES_AFTER, CallFault.DIES_BEFORE]
)
@pytest.mark.parametrize("write", range(5))
async def test_failure_15_trouble_at_any_write_of_a_job_does_nothing_twice(
    scene: Scene, write: int, what: CallFault
) -> None:
    await scene.drive(await scene.accept())
    scene.environment.next["store"].extend([*[None] * write, what])
    await scene.run()
    assert not scene.environment.next["store"]
    await ends_well(scene)


async def test_the_task_hub_is_lost_after_every_step_of_a_job(scene: Scene) -> None:
    job = await scene.accept()
    driver = await scene.drive(job)
    for _ in range(40):
        if driver.ready_at is None:
            break
        scene.clock.now = max(scene.clock.now, driver.ready_at)
        await driver.step()
        if driver.ready_at:
            await scene.passes((await scene.now(job)).last_delay.total_seconds())
            driver = await scene.drive(job)
    await ends_well(scene)


async def test_failure_9_searches_that_come_together_are_submitted_one_at_a_time(
    scene: Scene,
) -> None:
    scene.environment.usual = Plan(takes=MINUTE)
    jobs = [await scene.accept(number) for number in (1, 2)]
    for job in jobs:
        await scene.drive(job)
    await scene.run()
    await ends_well(scene)
    assert sorted(scene.environment.holders) == sorted(job.elb_job_id for job in jobs)
    ends = [process.began + process.plan.takes for process in scene.environment.processes]
    assert all(
        one.began >= end for one, end in zip(scene.environment.processes[1:], ends, strict=False)
    )


async def test_failure_29_a_cluster_that_is_away_for_an_hour_costs_no_search(scene: Scene) -> None:
    scene.environment.batch_time = 5 * MINUTE
    await scene.drive(await scene.accept())
    await scene.run(MINUTE)
    scene.environment.down.add("cluster")
    await scene.run(60 * MINUTE)
    scene.environment.down.clear()
    await scene.run(10 * MINUTE)
    await ends_well(scene)
