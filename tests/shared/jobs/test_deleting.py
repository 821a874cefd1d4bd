"""Deletion leaves a tombstone that no list returns; filtered lists."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.errors import Conflict
from shared.jobs import JobStateRepository
from shared.jobs.deletion import delete_if_requested, delete_job
from tests.shared.jobs.conftest import Clock
from tests.support.samples import ALICE, NOON, job
from triggers.views import batch_view

ENDS = [phase for phase in Phase if phase.is_end and phase is not Phase.DELETED]


@pytest.mark.parametrize("end", ENDS)
async def test_an_ended_job_can_be_deleted_and_deletion_is_idempotent(
    jobs: JobStateRepository, end: Phase
) -> None:
    one = await jobs.create(job(phase=end, finished_at=NOON), {})
    deleted = await jobs.delete(one.job_id)
    assert (deleted.phase.status, deleted.finished_at) == (Status.DELETED, NOON)
    assert await jobs.delete(one.job_id) == deleted
    assert [event.event for event in await jobs.events(one.job_id)] == ["accepted", "deleted"]
    assert (await jobs.index.page(ALICE, 10)).jobs == ()


async def test_a_running_job_cannot_be_deleted(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(phase=Phase.CANCELLING), {})
    with pytest.raises(Conflict) as caught:
        await jobs.delete(one.job_id)
    assert caught.value.code == "still_running"


async def test_a_running_job_is_deleted_once_it_has_ended(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(phase=Phase.CANCELLING), {})
    wanted = await jobs.request_delete(one.job_id)
    assert (wanted.cancel_requested_at, wanted.phase) == (NOON, Phase.CANCELLING)
    assert await jobs.request_delete(one.job_id) == wanted
    await delete_if_requested(jobs, wanted)
    assert (await jobs.get(one.job_id)).phase is Phase.CANCELLING
    ended = await jobs.update(one.job_id, "cancelled", phase=Phase.CANCELLED)
    assert (ended.is_to_be_deleted, ended.is_settled) == (True, False)
    for _ in range(2):
        await delete_if_requested(jobs, ended)
    deleted = await jobs.get(one.job_id)
    assert (deleted.phase, deleted.is_settled) == (Phase.DELETED, True)
    names = [event.event for event in await jobs.events(one.job_id)]
    assert names == ["accepted", "delete_requested", "cancelled", "deleted"]


async def test_a_job_is_not_deleted_while_something_of_it_may_run(jobs: JobStateRepository) -> None:
    left = job(phase=Phase.TIMED_OUT, left_on_cluster=LeftOnCluster.UNKNOWN)
    one = await jobs.create(left, {})
    with pytest.raises(Conflict):
        await jobs.delete(one.job_id)
    assert not await delete_job(jobs, one)
    wanted = await jobs.get(one.job_id)
    assert (wanted.phase, wanted.is_to_be_deleted) == (Phase.TIMED_OUT, False)
    confirmed = await jobs.confirm_cleanup(wanted, {})
    assert confirmed.is_to_be_deleted
    await delete_if_requested(jobs, confirmed)
    assert (await jobs.get(one.job_id)).phase is Phase.DELETED


async def test_a_retry_withdraws_the_deletion(jobs: JobStateRepository) -> None:
    left = job(phase=Phase.SEARCH_FAILED, left_on_cluster=LeftOnCluster.UNKNOWN)
    one = await jobs.create(left, {})
    assert not await delete_job(jobs, one)
    before = await jobs.get(one.job_id)
    again = await jobs.start_attempt(one.job_id, 2, timedelta(days=1))
    assert again.delete_requested_at is None
    await delete_if_requested(
        jobs, replace(before, left_on_cluster=LeftOnCluster.NONE)
    )  # as read before the retry
    assert (await jobs.get(one.job_id)).phase is Phase.QUEUED


async def test_a_batch_waits_for_the_proof_of_its_searches(jobs: JobStateRepository) -> None:
    parent = await jobs.create(job(9, phase=Phase.SEARCH_FAILED, child_count=2), {})
    unproven = replace(child(1, parent), left_on_cluster=LeftOnCluster.UNKNOWN)
    children = [await jobs.create(one, {}) for one in (unproven, child(2, parent))]
    assert not await delete_job(jobs, parent)
    phases = [(await jobs.get(one.job_id)).phase for one in (parent, *children)]
    assert phases == [Phase.SEARCH_FAILED, Phase.COMPLETED, Phase.DELETED]
    waiting = await jobs.get(parent.job_id)
    assert waiting.is_to_be_deleted
    await jobs.confirm_cleanup(await jobs.get(children[0].job_id), {})
    assert await delete_job(jobs, waiting)
    phases = [(await jobs.get(one.job_id)).phase for one in (parent, *children)]
    assert phases == [Phase.DELETED] * 3


async def test_invariant_2_nothing_leaves_a_tombstone(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    await jobs.delete(one.job_id)
    with pytest.raises(Conflict):
        await jobs.start_attempt(one.job_id, 2, timedelta(days=1))
    with pytest.raises(Conflict):
        await jobs.update(one.job_id, "running", phase=Phase.RUNNING)


async def test_a_deletion_sends_no_message(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(phase=Phase.COMPLETED, notify=True), {})
    before = await jobs.pending_messages(one.job_id)
    await jobs.delete(one.job_id)
    assert await jobs.pending_messages(one.job_id) == before


async def test_an_expired_deleted_job_is_purged(jobs: JobStateRepository, clock: Clock) -> None:
    one = await jobs.create(job(phase=Phase.COMPLETED, finished_at=NOON), {})
    await jobs.delete(one.job_id)
    (expired,) = [row async for row in jobs.index.find_expired(NOON + timedelta(seconds=1))]
    assert expired.job_id == one.job_id
    assert await jobs.purge(await jobs.get(one.job_id))


async def test_a_batch_is_deleted_with_its_searches(jobs: JobStateRepository) -> None:
    parent = await jobs.create(job(9, phase=Phase.COMPLETED, child_count=3), {})
    children = [await jobs.create(child(number, parent), {}) for number in (1, 2, 3)]
    await jobs.delete(children[1].job_id)
    await jobs.index.upsert_list_row(child(4, parent))  # left over after a crash during a purge
    await delete_job(jobs, parent)
    assert {(await jobs.get(one.job_id)).phase for one in (parent, *children)} == {Phase.DELETED}


async def test_a_deleted_search_counts_as_ended(jobs: JobStateRepository) -> None:
    parent = await jobs.create(job(9, phase=Phase.COMPLETED, child_count=3), {})
    children = [await jobs.create(child(number, parent), {}) for number in (1, 2)]
    await delete_job(jobs, children[0])
    tally = await jobs.index.count_by_status(parent.job_id)
    assert tally == {Status.COMPLETED: 1, Status.DELETED: 1}
    assert all(status.is_end for status in tally)
    shown = batch_view.children(parent, tally)
    assert (shown.total, shown.deleted, shown.completed, shown.cancelled) == (3, 1, 1, 1)


async def test_a_search_of_a_running_batch_cannot_be_deleted(jobs: JobStateRepository) -> None:
    """The batch still counts it."""
    parent = await jobs.create(job(9, phase=Phase.RUNNING, child_count=1), {})
    one = await jobs.create(child(1, parent), {})
    with pytest.raises(Conflict) as caught:
        await delete_job(jobs, one)
    assert caught.value.code == "still_running"
    assert (await jobs.get(one.job_id)).phase is Phase.COMPLETED


async def test_failure_20_a_filtered_list_is_exact_while_jobs_are_added(
    jobs: JobStateRepository,
) -> None:
    async def add(number: int) -> str:
        phase = Phase.COMPLETED if number % 3 else Phase.RUNNING
        at = NOON + timedelta(seconds=number)
        return (await jobs.create(job(number, phase=phase, created_at=at), {})).job_id

    added = [await add(number) for number in range(20)]
    await jobs.delete(added[4])
    wanted = [added[n] for n in reversed(range(20)) if n % 3 and n != 4]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await jobs.index.page(ALICE, 4, cursor, {"status": "completed", "program": "blastn"})
        seen += [one.job_id for one in page.jobs]
        await add(20 + len(seen))
        cursor = page.cursor
    assert seen == wanted
    assert (await jobs.index.page(ALICE, 4, "", {"db": "another's"})).jobs == ()


def child(number: int, parent: Job) -> Job:
    made = job(number, phase=Phase.COMPLETED)
    return replace(made, parent_job_id=parent.job_id, child_number=number)
