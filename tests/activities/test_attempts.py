"""The attempts of one job, in a small world: none runs beside another, none leaves anything."""

from datetime import timedelta

from shared.contracts.activities import ActivityInput, ActivityName, Stage
from shared.contracts.job import Job, elb_id
from shared.contracts.states import Phase
from tests.simulation.scene import Scene


async def second_attempt(scene: Scene, first: Job) -> Job:
    await scene.jobs.update(first.job_id, "failed", phase=Phase.SEARCH_FAILED)
    return await scene.jobs.start_attempt(first.job_id, 2, timedelta(hours=48))


async def test_earlier_attempts_are_cleaned_up_before_the_next(scene: Scene) -> None:
    first = await scene.submitted()
    await scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = await second_attempt(scene, first)
    assert again.elb_job_id == elb_id(first.job_id, 2)
    assert (await scene.do(ActivityName.PREPARE_SEARCH, again)).next_stage is Stage.PREPARE
    assert "earlier attempt" in ((await scene.now(again)).reason or "")
    assert not scene.environment.present(first.elb_job_id)
    await scene.do(ActivityName.PREPARE_SEARCH, again)
    assert len(await scene.events(again, "previous_attempt_cleanup")) == 1
    await scene.passes(10)
    assert (await scene.do(ActivityName.PREPARE_SEARCH, again)).next_stage is Stage.SUBMIT
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, again)).phase is Phase.SUBMITTED


async def test_a_next_attempt_that_cannot_clear_the_earlier_one_says_why_it_waits(
    scene: Scene,
) -> None:
    first = await scene.submitted()
    await scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = await second_attempt(scene, first)
    scene.environment.down.add("cluster")
    decision = await scene.do(ActivityName.PREPARE_SEARCH, again)
    assert (decision.phase, decision.next_stage) == (Phase.RETRYING, Stage.PREPARE)
    assert "no answer came" in ((await scene.now(again)).reason or "")


async def test_r6_a_cancel_of_the_next_attempt_cleans_up_the_earlier_ones_too(scene: Scene) -> None:
    first = await scene.submitted()
    await scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = await second_attempt(scene, first)
    await scene.cancel(again)
    await scene.do(ActivityName.PREPARE_SEARCH, again)
    for _ in range(3):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, again)
        await scene.passes(10)
    assert (await scene.now(again)).phase is Phase.CANCELLED
    assert not scene.environment.jobs


async def test_an_activity_of_an_earlier_attempt_has_no_effect(scene: Scene) -> None:
    first = await scene.submitted()
    await scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = await second_attempt(scene, first)
    assert (
        await scene.perform(ActivityName.SUBMIT_SEARCH, ActivityInput(again.job_id, 9, attempt=1))
    ).next_stage is None
    assert await scene.now(again) == again
