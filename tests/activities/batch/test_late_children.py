"""Searches that begin after their batch was stopped."""

from datetime import timedelta

import pytest

from shared.contracts.activities import ActivityName, Stage
from shared.contracts.states import Phase
from tests.simulation.scene import Scene


@pytest.mark.parametrize("parent_end", [Phase.CANCELLED, Phase.SEARCH_FAILED, None])
async def test_failure_34_a_search_that_outlived_its_batch_is_cancelled_before_it_runs(
    scene: Scene, parent_end: Phase | None
) -> None:
    """Its batch did not see it: it was created, or found by reconcile, after the batch's end."""
    batch = await scene.accept(7, child_count=1)
    child = await scene.accept(parent_job_id=batch.job_id, child_number=1)
    if parent_end:
        for phase in (Phase.CANCELLING, parent_end):
            await scene.jobs.update(batch.job_id, phase.value, phase=phase)
    else:
        await scene.cancel(batch)
    assert (await scene.do(ActivityName.PREPARE_SEARCH, child)).next_stage is Stage.CLEAN_UP
    for _ in range(2):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, child)
    assert (await scene.now(child)).phase is Phase.CANCELLED
    assert (await scene.now(child)).config_blob is None


async def test_a_retried_search_of_an_ended_batch_runs(scene: Scene) -> None:
    batch = await scene.accept(7, child_count=1)
    child = await scene.accept(parent_job_id=batch.job_id, child_number=1)
    for job in (child, batch):
        for phase in (Phase.CANCELLING, Phase.SEARCH_FAILED):
            await scene.jobs.update(job.job_id, phase.value, phase=phase)
    again = await scene.jobs.start_attempt(child.job_id, 2, timedelta(hours=1))
    assert (await scene.do(ActivityName.PREPARE_SEARCH, again)).next_stage is Stage.SUBMIT
