"""R12: the job store, on real Tables."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from local.azurite import Azurite
from shared.clients.tables import ConcurrencyConflict, Table, Write, open_table
from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.job import Counts
from shared.contracts.states import Phase
from shared.errors import Conflict, NotFound, Unavailable
from shared.jobs import Index, JobStateRepository, StepRecord
from shared.jobs.rows import LONGEST_TEXT
from tests.shared.jobs.conftest import Clock
from tests.support.samples import ALICE, BOB, NOON, RECONCILE_AFTER, job, search


async def test_a_stored_job_is_read_back_unchanged(jobs: JobStateRepository) -> None:
    kept = job(
        counts=Counts(4, 2, 1, 1),
        retry_counts={Category.TRANSIENT: 2},
        decision=Decision(Stage.WATCH, retry_counts={Category.TRANSIENT: 2}),
        reason="waits",
        started_at=NOON,
        search=search(title="ünï \U0001f33c"),
    )
    await jobs.create(kept, {})
    assert await jobs.get(kept.job_id) == replace(kept, check_at=NOON + RECONCILE_AFTER)


async def test_r12_a_transition_writes_state_and_one_event_together(
    jobs: JobStateRepository, clock: Clock
) -> None:
    one = await jobs.create(job(), {"source": "http"})
    clock.move(5)
    await jobs.update(
        one.job_id, "submitted", {"decision": "accepted"}, phase=Phase.SUBMITTED, started_at=clock()
    )
    now = await jobs.get(one.job_id)
    assert (now.phase, now.sequence, now.updated_at, now.started_at) == (
        Phase.SUBMITTED,
        2,
        clock(),
        clock(),
    )
    events = await jobs.events(one.job_id)
    assert [(e.sequence, e.event, e.phase) for e in events] == [
        (1, "accepted", Phase.QUEUED),
        (2, "submitted", Phase.SUBMITTED),
    ]
    assert events[1].payload == {"decision": "accepted"}
    assert events[1].at == clock()


async def test_r12_an_event_alone_changes_no_field(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    await jobs.append_history(one.job_id, "retry_scheduled", {"attempt": 1})
    assert replace(await jobs.get(one.job_id), sequence=1) == one
    assert [event.event for event in await jobs.events(one.job_id)] == [
        "accepted",
        "retry_scheduled",
    ]


async def test_events_are_read_after_a_sequence_number(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    for number in range(4):
        await jobs.append_history(one.job_id, f"e{number}", {})
    assert [event.sequence for event in await jobs.events(one.job_id, after=2)] == [3, 4, 5]


async def test_failure_18_a_repeated_step_changes_nothing(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    decision = Decision(Stage.SUBMIT)
    for _ in range(3):
        await jobs.update(
            one.job_id,
            "config_written",
            step=StepRecord(1, Stage.PREPARE, decision),
            phase=Phase.SUBMITTING,
        )
    now = await jobs.get(one.job_id)
    assert (now.step, now.sequence, now.decision) == (1, 2, decision)


async def test_failure_16_concurrent_writers_lose_no_event(jobs: JobStateRepository) -> None:
    """Failure 21: without a condition on the row's ETag, one writer overwrites the other."""
    one = await jobs.create(job(), {})

    async def write(name: str) -> None:
        for number in range(5):
            await jobs.append_history(one.job_id, f"{name}{number}", {})

    await asyncio.gather(write("a"), write("b"))
    events = await jobs.events(one.job_id)
    assert [event.sequence for event in events] == list(range(1, 12))
    assert {event.event for event in events[1:]} == {
        f"{name}{n}" for name in "ab" for n in range(5)
    }


@pytest.mark.parametrize("end", [phase for phase in Phase if phase.is_end])
async def test_failure_16_a_late_event_changes_no_terminal_phase(
    jobs: JobStateRepository, end: Phase
) -> None:
    ended = job(phase=end)
    await jobs.create(ended, {})
    with pytest.raises(Conflict, match="has ended"):
        await jobs.update(ended.job_id, "running", phase=Phase.RUNNING)
    assert (await jobs.get(ended.job_id)).phase is end
    assert len(await jobs.events(ended.job_id)) == 1


async def test_a_transition_that_is_not_in_the_table_is_rejected(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(phase=Phase.RUNNING), {})
    with pytest.raises(Conflict, match="cannot go from running to submitting"):
        await jobs.update(one.job_id, "submitting", phase=Phase.SUBMITTING)
    assert await jobs.get(one.job_id) == one


async def test_r4_a_running_phase_clears_earlier_errors(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    wrong: dict[str, Any] = {"error_code": "sidecar_503", "error": "busy", "reason": "waits"}
    await jobs.update(one.job_id, "retry_scheduled", phase=Phase.RETRYING, **wrong)
    assert (await jobs.get(one.job_id)).error_code == "sidecar_503"
    await jobs.update(one.job_id, "submitted", phase=Phase.SUBMITTED)
    now = await jobs.get(one.job_id)
    assert (now.error_code, now.error, now.reason) == (None, None, None)


async def test_failure_19_an_error_that_exceeds_a_column_is_cut(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    await jobs.update(one.job_id, "retry_scheduled", phase=Phase.RETRYING, error="x" * 100_000)
    assert (await jobs.get(one.job_id)).error == "x" * LONGEST_TEXT


async def test_failure_1_creating_a_job_is_idempotent(jobs: JobStateRepository) -> None:
    first = await jobs.create(job(), {})
    await jobs.update(first.job_id, "submitted", phase=Phase.SUBMITTED)
    second = await jobs.create(job(submission_source="queue"), {})
    assert (second.phase, second.submission_source) == (Phase.SUBMITTED, "http")
    assert len(await jobs.events(first.job_id)) == 2
    assert len((await jobs.index.page(first.owner, 10)).jobs) == 1


async def test_an_unknown_job_is_not_found(jobs: JobStateRepository) -> None:
    assert await jobs.find("job-0") is None
    with pytest.raises(NotFound):
        await jobs.update("job-0", "running", phase=Phase.RUNNING)


async def test_failure_20_a_list_has_only_the_owners_jobs_newest_first(
    jobs: JobStateRepository, clock: Clock
) -> None:
    for number in range(7):
        clock.move(0.002)
        owner = BOB if number == 3 else job().owner
        await jobs.create(job(number, created_at=clock(), updated_at=clock(), owner=owner), {})
    shown: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await jobs.index.page(ALICE, 2, cursor)
        shown += [int(one.job_id[-4:], 16) for one in page.jobs]
        cursor = page.cursor
    assert shown == [6, 5, 4, 2, 1, 0]


async def test_failure_20_added_jobs_do_not_shift_later_pages(
    jobs: JobStateRepository, clock: Clock
) -> None:
    for number in range(4):
        clock.move(1)
        await jobs.create(job(number, created_at=clock()), {})
    first = await jobs.index.page(ALICE, 2)
    clock.move(1)
    await jobs.create(job(9, created_at=clock()), {})
    assert first.cursor is not None
    second = await jobs.index.page(ALICE, 2, first.cursor)
    assert [one.job_id[-1] for one in (*first.jobs, *second.jobs)] == ["3", "2", "1", "0"]
    assert second.cursor is None


async def test_a_list_row_equals_the_job(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    await jobs.update(one.job_id, "running", phase=Phase.RUNNING, counts=Counts(4, 1, 0, 3))
    (listed,) = (await jobs.index.page(one.owner, 10)).jobs
    assert listed == replace(await jobs.get(one.job_id), stage=None, decision=None)


async def test_failure_15_an_unreachable_store_is_unavailable() -> None:
    dead = "http://127.0.0.1:9/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint={dead}"
    table = open_table("away", connection, "", None)
    away = JobStateRepository(table, Index(table, RECONCILE_AFTER), lambda: NOON)
    with pytest.raises(Unavailable, match="Tables cannot be reached"):
        await away.update(job().job_id, "running", phase=Phase.RUNNING)


class LostResponse(Table):
    """A table whose first commit succeeds but raises a conflict, like a retry after a reset."""

    def __init__(self, real: Table) -> None:
        self.__dict__ |= real.__dict__
        self.losses = 1

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        etags = await super().commit(writes)
        if self.losses:
            self.losses -= 1
            raise ConcurrencyConflict
        return etags


async def test_failure_18_a_transition_whose_response_was_lost_is_written_once(
    azurite: Azurite,
) -> None:
    table = open_table("lostanswer", azurite.connection_string, "", None)
    jobs = JobStateRepository(table, Index(table, RECONCILE_AFTER), lambda: NOON)
    await jobs.ensure()
    one = await jobs.create(job(), {})
    lossy = JobStateRepository(LostResponse(table), Index(table, RECONCILE_AFTER), lambda: NOON)
    await lossy.update(one.job_id, "cancel_requested", cancel_requested_at=NOON)
    assert [event.event for event in await jobs.events(one.job_id)] == [
        "accepted",
        "cancel_requested",
    ]


async def test_failure_33_concurrent_cancels_write_one_event(
    jobs: JobStateRepository, clock: Clock
) -> None:
    one = await jobs.create(job(), {})
    both = asyncio.Barrier(2)

    class Late(Table):
        """A table whose two readers wait for each other, so both read the same row."""

        async def get(self, partition: str, row: str) -> Any:
            result = await super().get(partition, row)
            if row == "job" and not both.broken:
                with suppress(asyncio.BrokenBarrierError):
                    await asyncio.wait_for(both.wait(), 5)
                await both.abort()
            return result

    late = JobStateRepository(Late(jobs._jobs._client), jobs.index, clock)
    await asyncio.gather(*(late.request_cancel(one.job_id) for _ in range(2)))
    events = [event.event for event in await jobs.events(one.job_id)]
    assert events == ["accepted", "cancel_requested"]
    assert (await jobs.get(one.job_id)).cancel_requested_at == clock()


async def test_cancelling_an_ended_job_is_a_conflict(jobs: JobStateRepository) -> None:
    one = await jobs.create(job(), {})
    await jobs.request_cancel(one.job_id)
    await jobs.update(one.job_id, "failed", phase=Phase.SUBMIT_FAILED)
    with pytest.raises(Conflict):
        await jobs.request_cancel(one.job_id)
