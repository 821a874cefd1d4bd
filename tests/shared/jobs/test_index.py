"""The index: list rows that are never reverted, and active rows for reconcile."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clients.tables import Write
from shared.contracts.activities import Decision, Stage
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.jobs import JobStateRepository, StepRecord
from tests.shared.jobs.conftest import Clock
from tests.support.samples import ALICE, BOB, RECONCILE_AFTER, job

PARTITION = "active:tenant:alice-oid"


async def overdue(jobs: JobStateRepository, clock: Clock) -> list[tuple[str, str]]:
    return [item async for item in jobs.index.find_overdue(clock())]


async def test_a_job_is_overdue_when_its_next_step_is_late(
    jobs: JobStateRepository, clock: Clock
) -> None:
    one = await jobs.create(job(), {})
    decision = Decision(Stage.SUBMIT, timedelta(minutes=15))
    await jobs.update(
        one.job_id,
        "retry_scheduled",
        step=StepRecord(1, Stage.PREPARE, decision),
        phase=Phase.RETRYING,
    )
    clock.move((timedelta(minutes=15) + RECONCILE_AFTER).total_seconds())
    assert await overdue(jobs, clock) == []
    clock.move(1)
    assert await overdue(jobs, clock) == [(PARTITION, one.job_id)]
    await jobs.index.defer(await jobs.get(one.job_id), clock() + RECONCILE_AFTER)
    assert await overdue(jobs, clock) == []


async def test_a_deferral_of_an_earlier_state_does_not_revert_the_active_row(
    jobs: JobStateRepository, clock: Clock
) -> None:
    """Reconcile has read the job, and the next attempt starts before it defers it."""
    seen = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    await jobs.start_attempt(seen.job_id, 2, timedelta(hours=1))
    await jobs.index.defer(seen, clock() + timedelta(days=1))
    assert await jobs.index.count_active(ALICE, 9) == 1
    clock.move(RECONCILE_AFTER.total_seconds() + 1)
    assert await overdue(jobs, clock) == [(PARTITION, seen.job_id)]


async def test_a_retry_that_was_not_written_is_deferred(
    jobs: JobStateRepository, clock: Clock
) -> None:
    """Its active row is ahead of a job row that never followed."""
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    await jobs.index.mark_active(replace(failed, phase=Phase.QUEUED, sequence=2), is_ahead=True)
    await jobs.index.defer(failed, clock() + timedelta(days=1))
    clock.move(RECONCILE_AFTER.total_seconds() + 1)
    assert await overdue(jobs, clock) == []


async def test_an_active_row_without_a_job_is_overdue(
    jobs: JobStateRepository, clock: Clock
) -> None:
    """The process crashed between the two writes."""
    await jobs.index.mark_active(job())
    clock.move(RECONCILE_AFTER.total_seconds() + 1)
    assert await overdue(jobs, clock) == [(PARTITION, job().job_id)]


async def test_an_ended_job_has_no_active_row(jobs: JobStateRepository, clock: Clock) -> None:
    one = await jobs.create(job(phase=Phase.RUNNING), {})
    await jobs.update(one.job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    clock.move(10**6)
    assert await overdue(jobs, clock) == []


async def test_failure_16_a_late_index_update_does_not_revert_the_list_row(
    jobs: JobStateRepository,
) -> None:
    """A delayed writer updates the index after a later writer has ended the job."""
    await jobs.create(job(phase=Phase.RUNNING), {})
    delayed = await jobs.update(job().job_id, "progress", phase=Phase.RUNNING)
    await jobs.update(job().job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    await jobs.sync(delayed)
    (listed,) = (await jobs.index.page(delayed.owner, 10)).jobs
    assert listed.phase is Phase.SEARCH_FAILED


async def due(jobs: JobStateRepository) -> dict[str, datetime]:
    """The due time of each active row."""
    found = jobs.index._table.query("PartitionKey eq @one", {"one": PARTITION}, ("RowKey", "due"))
    return {row.columns["RowKey"]: row.columns["due"] async for row in found}


async def scheduled(jobs: JobStateRepository, step: int, minutes: int) -> Job:
    """A transition after which the job sleeps for so long."""
    decision = Decision(Stage.SUBMIT, timedelta(minutes=minutes))
    record = StepRecord(step, Stage.SUBMIT, decision)
    return await jobs.update(job().job_id, "retry_scheduled", step=record, phase=Phase.RETRYING)


async def test_failure_16_a_late_index_update_does_not_revert_the_active_row(
    jobs: JobStateRepository,
) -> None:
    """The earlier state sleeps longer: reconcile would find a lost orchestration later."""
    one = await jobs.create(job(), {})
    delayed = await scheduled(jobs, 1, minutes=15)
    current = await scheduled(jobs, 2, minutes=1)
    await jobs.sync(delayed)
    expected = current.updated_at + timedelta(minutes=1) + RECONCILE_AFTER
    assert await due(jobs) == {one.job_id: expected}


def before_each_index_call(
    jobs: JobStateRepository, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[None]]
) -> None:
    """Call `act` before each call of the index's table that follows the next transition."""
    table, commit = jobs.index._table, jobs._jobs.commit

    def preceded(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any) -> Any:
            await act()
            return await call(*args)

        return wrapped

    async def committed(writes: Sequence[Write]) -> list[str]:
        etags = await commit(writes)
        monkeypatch.setattr(jobs._jobs, "commit", commit)
        for name in ("get", "upsert", "write"):
            monkeypatch.setattr(table, name, preceded(getattr(table, name)))
        return etags

    monkeypatch.setattr(jobs._jobs, "commit", committed)


async def cancelled(jobs: JobStateRepository) -> Job:
    await jobs.update(job().job_id, "cancelling", phase=Phase.CANCELLING)
    return await jobs.update(job().job_id, "cancelled", phase=Phase.CANCELLED)


@pytest.mark.parametrize(
    ("remembers", "call"), [(True, 1), (True, 2), *((False, n) for n in (1, 2, 3))]
)
@pytest.mark.parametrize("ends", [False, True])
async def test_failure_16_a_later_writer_between_two_calls_of_an_index_update_prevails(
    jobs: JobStateRepository,
    monkeypatch: pytest.MonkeyPatch,
    remembers: bool,
    call: int,
    ends: bool,
) -> None:
    """The n-th call of an index update is preceded by the whole of a later transition."""
    one = await jobs.create(job(), {})
    if not remembers:  # as in another process: it reads the list row first
        jobs.index._sequenced._written.clear()
    calls = []

    async def later() -> None:
        calls.append(1)
        if len(calls) == call:
            await (cancelled(jobs) if ends else scheduled(jobs, 2, minutes=1))

    before_each_index_call(jobs, monkeypatch, later)
    await scheduled(jobs, 1, minutes=15)
    monkeypatch.undo()
    assert len(calls) >= call
    expected = one.updated_at + timedelta(minutes=1) + RECONCILE_AFTER
    assert await due(jobs) == ({} if ends else {one.job_id: expected})
    (listed,) = (await jobs.index.page(ALICE, 10)).jobs
    assert listed.phase is (Phase.CANCELLED if ends else Phase.RETRYING)
    assert await jobs.index.count_active(ALICE, 9) == (0 if ends else 1)


async def test_searches_of_a_batch_are_listed_only_in_it_and_in_order(
    jobs: JobStateRepository,
) -> None:
    for number in (3, 1, 2):
        await jobs.create(child(number), {})
    await jobs.update(child(2).job_id, "completed", phase=Phase.SUBMITTED)
    first = await jobs.index.children("job-parent", 2)
    assert first.cursor is not None
    rest = await jobs.index.children("job-parent", 2, first.cursor)
    assert [one.child_number for one in (*first.jobs, *rest.jobs)] == [1, 2, 3]
    assert (await jobs.index.page(child(1).owner, 10)).jobs == ()
    assert await jobs.index.count_by_status("job-parent") == {Status.QUEUED: 2, Status.RUNNING: 1}


def child(number: int) -> Job:
    return replace(job(number), parent_job_id="job-parent", child_number=number)


async def test_active_jobs_are_counted_per_owner_and_a_batch_counts_once(
    jobs: JobStateRepository,
) -> None:
    for number in (1, 2, 3):
        await jobs.create(replace(job(number), phase=Phase.RUNNING), {})
    await jobs.update(job(3).job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    for number in (4, 5):
        await jobs.create(child(number), {})
    await jobs.create(job(6, owner=BOB), {})
    assert (await jobs.index.count_active(ALICE, 100), await jobs.index.count_active(BOB, 100)) == (
        2,
        1,
    )
    assert await jobs.index.count_active(ALICE, 1) == 1  # not counted beyond the limit


async def test_an_ended_job_does_not_count_as_active_while_work_for_it_remains(
    jobs: JobStateRepository,
) -> None:
    """A message to send, or a clean-up that is tried for a day, must not lock its owner out."""
    unknown = LeftOnCluster.UNKNOWN
    await jobs.create(job(1, phase=Phase.CANCELLING), {})
    await jobs.update(job(1).job_id, "failed", phase=Phase.SEARCH_FAILED, left_on_cluster=unknown)
    await jobs.create(job(2, phase=Phase.RUNNING, notify=True), {})
    await jobs.update(job(2).job_id, "failed", phase=Phase.SEARCH_FAILED)
    for number in (1, 2):
        await jobs.index.defer(
            await jobs.get(job(number).job_id), (await jobs.get(job(number).job_id)).updated_at
        )
    assert (
        len([item async for item in jobs.index.find_overdue(job().created_at + timedelta(days=1))])
        == 2
    )
    assert await jobs.index.count_active(ALICE, 2) == 0


async def test_active_rows_whose_job_was_never_written_do_not_lock_their_owner_out(
    jobs: JobStateRepository,
) -> None:
    """A submission whose second write failed leaves a row until reconcile removes it."""
    for number in range(1, 6):
        await jobs.index.mark_active(job(number), is_ahead=True)
    assert await jobs.index.count_active(ALICE, 5) == 0
    for number in range(4, 9):
        await jobs.create(job(number), {})
    assert await jobs.index.count_active(ALICE, 5) == 5, "those of jobs that have had no step do"
    assert await jobs.index.count_active(ALICE, 6) == 5


async def test_a_retry_that_was_not_written_does_not_count_as_active(
    jobs: JobStateRepository,
) -> None:
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    await jobs.index.mark_active(replace(failed, phase=Phase.QUEUED, attempt=2), is_ahead=True)
    assert await jobs.index.count_active(ALICE, 1) == 0
    await jobs.start_attempt(failed.job_id, 2, timedelta(days=1))
    assert await jobs.index.count_active(ALICE, 1) == 1


async def test_failure_38_the_same_id_in_another_tenant_is_another_owner(
    jobs: JobStateRepository,
) -> None:
    await jobs.create(job(), {})
    namesake = replace(ALICE, tenant_id="elsewhere")
    assert (await jobs.index.page(namesake, 10)).jobs == ()
    assert await jobs.index.count_active(namesake, 10) == 0
