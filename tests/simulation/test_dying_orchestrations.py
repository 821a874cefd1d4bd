"""Failure 49: orchestrations that fail before their first step, as after a broken upgrade."""

import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from tests.simulation.models import Plan
from tests.simulation.scene import Scene, Store
from tests.simulation.upkeep import ERROR, MINUTE, DyingDurable, Upkeep
from tests.support.fake_durable import FakeDurable
from tests.support.samples import settings

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(azurite: Azurite) -> Store:
    """Tables of the test's own: a tick looks at all jobs."""
    return await Store.on(azurite, settings())


@pytest.fixture
def upkeep(scene: Scene) -> Upkeep:
    return Upkeep(scene, DyingDurable(scene.clock))


async def running(scene: Scene) -> Job:
    scene.environment.batch_time = None
    return await scene.submitted()


async def restarts(scene: Scene, job: Job) -> list[dict[str, object]]:
    return [event.payload for event in await scene.events(job, "orchestration_restarted")]


async def test_failure_49_the_first_restart_says_why(scene: Scene, upkeep: Upkeep) -> None:
    job = await running(scene)
    await upkeep.run(6 * MINUTE)
    upkeep.durable.ends(job.job_id, "Failed", ERROR)
    await upkeep.run(2 * MINUTE)
    now = await scene.now(job)
    why = f"Failed: {ERROR}"
    assert now.reason in (
        "its orchestration had ended (it is unknown to Durable Functions) and was started again",
        f"its orchestration had ended ({why}) and was started again",
    )
    assert now.restarts == len(await restarts(scene, job)) == 2
    assert (await restarts(scene, job))[1]["runtime_status"] == "Failed"
    assert why in str((await restarts(scene, job))[1]["reason"])
    assert "OutOfProcData" not in str(await restarts(scene, job))


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_failure_31_a_stuck_orchestration_delays_the_stop_of_its_job_only_so_long(
    scene: Scene, is_cancelled: bool
) -> None:
    """The orchestration says that it runs and does not move, as one that an operator suspended."""
    job = await running(scene)
    upkeep = Upkeep(scene, FakeDurable(scene.clock))
    upkeep.durable.add_running(job.job_id)
    if is_cancelled:
        await upkeep.run(HOUR)
        await scene.cancel(job)
    else:
        scene.clock.now = job.deadline_at
    await upkeep.run(15 * MINUTE)
    assert (await scene.now(job)).phase is Phase.SUBMITTED, (
        "an activity may be at work that began before"
    )
    await upkeep.run(HOUR)
    assert (await scene.now(job)).phase is (Phase.CANCELLED if is_cancelled else Phase.TIMED_OUT)
    assert scene.environment.with_pods(job.elb_job_id) == []
    events = [event.event for event in await scene.events(job)]
    assert events.count("orchestration_stuck") == 1
    assert upkeep.durable.called("start_new") == 0
    assert not await upkeep.is_active(job)


async def test_failure_49_a_cancel_takes_effect_without_the_orchestration(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await running(scene)
    await upkeep.run(7 * MINUTE)
    await scene.cancel(job)
    await upkeep.run(8 * MINUTE)
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.CANCELLED, LeftOnCluster.NONE)
    assert scene.environment.with_pods(job.elb_job_id) == []
    assert (await scene.events(job, "cancelled"))[0].payload["proof"] == "nothing is left"
    assert not await upkeep.is_active(job)


async def test_failure_49_the_deadline_takes_effect_without_the_orchestration(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await running(scene)
    await upkeep.run(7 * MINUTE)
    await scene.jobs.update(job.job_id, "too_late", deadline_at=scene.clock())
    await upkeep.run(8 * MINUTE)
    assert (await scene.now(job)).phase is Phase.TIMED_OUT
    assert scene.environment.with_pods(job.elb_job_id) == []


@pytest.mark.parametrize("there", [running, Scene.accept])
async def test_failure_49_after_five_restarts_the_job_is_cleaned_up_and_fails(
    there: Callable[[Scene], Awaitable[Job]],
    scene: Scene,
    upkeep: Upkeep,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = await there(scene)
    began = scene.clock()
    await upkeep.run(HOUR)
    now = await scene.now(job)
    end = Phase.SUBMIT_FAILED if job.phase is Phase.QUEUED else Phase.SEARCH_FAILED
    assert (now.phase, now.error_code) == (end, "orchestration_failed")
    assert now.error == f"its orchestration ended 6 times before its next step: Failed: {ERROR}"
    assert scene.environment.with_pods(job.elb_job_id) == []
    assert not await upkeep.is_active(job)
    names = [event.event for event in await scene.events(job)]
    assert names.count("orchestration_restarted") == 5
    assert len(names) < 16
    times = [event.at for event in await scene.events(job, "orchestration_restarted")]
    assert times[0] - began <= 6 * MINUTE
    waits = [(b - a) / MINUTE for a, b in itertools.pairwise(times)]
    # Ticks come by the minute, and a job is due only after its time: up to a minute more.
    assert [round(wait) for wait in waits] == [2, 3, 5, 9]
    logged = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert any("orchestration_failed" in one.getMessage() for one in logged)


async def test_failure_49_a_step_makes_restarts_count_from_the_beginning(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await running(scene)
    await upkeep.run(12 * MINUTE)
    assert (await scene.now(job)).restarts > 1
    await scene.do(ActivityName.OBSERVE_SEARCH, job)
    assert ((await scene.now(job)).restarts, (await scene.now(job)).reason) == (0, None)


@pytest.mark.acceptance
async def test_failure_49_one_that_ran_for_long_since_it_was_restarted_is_not_failing(
    scene: Scene,
) -> None:
    job, durable = await running(scene), FakeDurable(scene.clock)
    upkeep = Upkeep(scene, durable)
    for _ in range(8):
        durable.ends(job.job_id, "Terminated")  # after an hour of looks without news
        await upkeep.run(HOUR)
        durable.add_running(job.job_id)
        await upkeep.run(HOUR)
    assert (await scene.now(job)).phase is Phase.SUBMITTED
    assert (await scene.now(job)).restarts == 1


async def test_failure_49_a_job_that_cannot_be_cleaned_up_fails_all_the_same(
    scene: Scene, upkeep: Upkeep
) -> None:
    job = await running(scene)
    scene.environment.down.add("cluster")
    await upkeep.run(HOUR)
    now = await scene.now(job)
    assert (now.phase, now.left_on_cluster) == (Phase.SEARCH_FAILED, LeftOnCluster.UNKNOWN)
    scene.environment.down.clear()
    await upkeep.run(HOUR)
    assert (await scene.now(job)).left_on_cluster is LeftOnCluster.NONE
    assert scene.environment.with_pods(job.elb_job_id) == []


async def test_failure_49_a_submission_that_runs_is_ended_before_its_job_is(
    scene: Scene, upkeep: Upkeep
) -> None:
    scene.environment.usual = Plan(takes=timedelta(hours=3))
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.cancel(job)
    await upkeep.run(HOUR)
    assert (await scene.now(job)).phase is Phase.CANCELLED
    assert not any(process.runs for process in scene.environment.processes)
    assert scene.environment.lease is None


async def test_failure_49_a_lost_task_hub_is_no_failure(scene: Scene) -> None:
    """A cancelled job whose orchestration is only gone is started again, and hears it at once."""
    job, durable = await running(scene), FakeDurable(scene.clock)
    await scene.cancel(job)
    await Upkeep(scene, durable).run(7 * MINUTE)
    assert durable.called("start_new") == 1
    assert durable.instances[job.job_id].input_["stage"] == Stage.WATCH
