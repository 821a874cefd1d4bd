"""Deletions against other writers and crashes: none is forgotten, none hides what may run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict
from shared.jobs import JobStateRepository
from shared.jobs.deletion import delete_if_requested, delete_job
from tests.shared.jobs.conftest import Clock
from tests.support.samples import NOON, RECONCILE_AFTER, job

DAY = timedelta(days=1)


async def active_ids(jobs: JobStateRepository) -> set[str]:
    """The jobs that reconcile finds, sooner or later."""
    return {job_id async for _, job_id in jobs.index.find_overdue(NOON + DAY)}


@pytest.mark.parametrize("moved", [timedelta(0), RECONCILE_AFTER], ids=["at once", "later"])
async def test_a_deletion_requested_after_the_end_is_found_by_reconcile(
    jobs: JobStateRepository, clock: Clock, moved: timedelta
) -> None:
    """The clean-up is proven between the read and the request; then the process dies."""
    one = await jobs.create(job(phase=Phase.RUNNING), {})
    await jobs.update(one.job_id, "cancelling", phase=Phase.CANCELLING)
    await jobs.update(one.job_id, "cancelled", phase=Phase.CANCELLED)
    assert await active_ids(jobs) == set()
    clock.move(moved.total_seconds())
    wanted = await jobs.request_delete(one.job_id)
    assert (wanted.is_to_be_deleted, wanted.is_settled) == (True, False)
    assert await active_ids(jobs) == {one.job_id}


async def test_a_deletion_that_was_read_before_a_retry_deletes_no_later_attempt(
    jobs: JobStateRepository,
) -> None:
    one = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    wanted = await jobs.request_delete(one.job_id)
    await jobs.start_attempt(one.job_id, 2, DAY)
    await jobs.update(one.job_id, "cancelling", phase=Phase.CANCELLING)
    ended = await jobs.update(one.job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    await delete_if_requested(jobs, wanted)
    assert await jobs.get(one.job_id) == ended


async def test_a_deletion_that_was_read_before_a_retry_does_not_cancel_it(
    jobs: JobStateRepository,
) -> None:
    left = job(phase=Phase.SEARCH_FAILED, left_on_cluster=LeftOnCluster.UNKNOWN)
    one = await jobs.create(left, {})
    again = await jobs.start_attempt(one.job_id, 2, DAY)
    with pytest.raises(Conflict):
        await delete_job(jobs, one)
    assert await jobs.get(one.job_id) == again


@pytest.mark.parametrize("left", LeftOnCluster)
async def test_a_batch_is_deleted_entirely_or_not_at_all_while_a_search_is_retried(
    jobs: JobStateRepository, left: LeftOnCluster
) -> None:
    parent = await jobs.create(job(9, phase=Phase.SEARCH_FAILED, child_count=2), {})
    failed = replace(child(2, parent, Phase.SEARCH_FAILED), left_on_cluster=left)
    others = [await jobs.create(one, {}) for one in (child(1, parent, Phase.COMPLETED), failed)]
    again = await jobs.start_attempt(others[1].job_id, 2, DAY)
    with pytest.raises(Conflict) as caught:
        await delete_job(jobs, parent)
    assert (caught.value.code, again.job_id in str(caught.value)) == ("still_running", True)
    assert [await jobs.get(one.job_id) for one in (parent, others[0], again)] == [
        parent,
        others[0],
        again,
    ]


async def test_a_batch_stays_while_a_search_with_an_abandoned_clean_up_may_run(
    jobs: JobStateRepository,
) -> None:
    """A search is found by its batch: without that, the cost of its Jobs is hidden."""
    parent = await jobs.create(job(9, phase=Phase.SEARCH_FAILED, child_count=1), {})
    unproven = replace(
        child(1, parent, Phase.SEARCH_FAILED),
        left_on_cluster=LeftOnCluster.UNKNOWN,
        cleanup_abandoned_at=NOON,
    )
    one = await jobs.create(unproven, {})
    await jobs.index.remove_active(f"active:{parent.job_id}", one.job_id)
    assert not await delete_job(jobs, parent)
    assert (await jobs.get(parent.job_id)).phase is Phase.SEARCH_FAILED
    assert one.job_id in await active_ids(jobs), "its clean-up is tried once more"
    await jobs.confirm_cleanup(await jobs.get(one.job_id), {})
    assert await delete_job(jobs, await jobs.get(parent.job_id))


def child(number: int, parent: Job, phase: Phase) -> Job:
    made = job(number, phase=phase)
    return replace(made, parent_job_id=parent.job_id, child_number=number)
