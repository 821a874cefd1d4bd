"""Submissions without a key: which of them are repeats, also while the first is being accepted."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.clients.tables import Table, open_table
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.dependencies import INDEX_TABLE, JOBS_TABLE
from shared.errors import TooMany, Unavailable
from shared.jobs import Index, JobStateRepository, rows
from shared.jobs.claims import LIFETIME, MAX_AGE_OF_LOOK
from tests.support.interleaving import (
    Died,
    Interleaving,
    SteppedBlobs,
    SteppedTable,
)
from tests.support.samples import NOON, RECONCILE_AFTER, job
from tests.triggers.conftest import Store
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import Submission, parse
from triggers.submission.repeats import RepeatableSubmissions

QUERY = ">q\n" + "ACGT" * 10


class Repeats:
    """Submissions by one caller, at times that a test sets, by as many processes as it wants."""

    def __init__(self, store: Store, tables: AsyncExitStack) -> None:
        self._clients, self._tables = store.clients, tables
        self.now = NOON + timedelta(seconds=30)
        self.jobs = self._clients.jobs
        self.caller = Caller(uuid.uuid4().hex, "tenant", "x")
        self.submission: Submission = parse(
            {"program": "blastn", "db": "16S", "query_data": QUERY}, self._clients.settings
        )
        service = SubmissionService(
            self.jobs, self._clients.blobs, self._clients.settings, lambda: self.now
        )
        self.process = RepeatableSubmissions(service)

    async def submit(self, seconds: float = 0, most: int = 100) -> str:
        """Submit so many seconds later; returns the job's id."""
        self.now += timedelta(seconds=seconds)
        return await self.submit_by(self.process, most)

    async def submit_by(self, process: RepeatableSubmissions, most: int = 100) -> str:
        accepted = await process.accept(self.submission, self.caller, "url_api", most)
        return accepted.job.job_id

    def other_process(self, order: Interleaving) -> RepeatableSubmissions:
        """A process of its own, whose storage calls are made in this order."""
        index = Index(SteppedTable(self._table(INDEX_TABLE), order), RECONCILE_AFTER)
        jobs = SteppedTable(self._table(JOBS_TABLE), order)
        service = SubmissionService(
            JobStateRepository(jobs, index, lambda: self.now),
            SteppedBlobs(self._clients.blobs, order),
            self._clients.settings,
            lambda: self.now,
        )
        return RepeatableSubmissions(service)

    def _table(self, name: str) -> Table:
        table = open_table(name, self._clients.settings.storage_connection_string, "", None)
        self._tables.push_async_callback(table.aclose)
        return table

    async def listed(self) -> list[str]:
        """The caller's jobs."""
        return [each.job_id for each in (await self.jobs.index.page(self.caller, 50)).jobs]

    def ghost(self, number: int) -> Job:
        """A job of the caller, before all others in the order of ids."""
        return replace(job(number), owner=self.caller, created_at=self.now)


@pytest.fixture
async def repeats(store: Store) -> AsyncIterator[Repeats]:
    await store.clients.jobs.ensure()
    async with AsyncExitStack() as tables:
        yield Repeats(store, tables)


@pytest.mark.parametrize(("seconds", "is_same"), [(1, True), (40, True), (60, True), (61, False)])
async def test_a_repeat_within_a_minute_is_the_same_job(
    repeats: Repeats, seconds: float, is_same: bool
) -> None:
    """Forty seconds later is the next minute of the clock."""
    first = await repeats.submit()
    assert (await repeats.submit(seconds) == first) is is_same


async def test_a_clock_that_goes_back_makes_no_other_job(repeats: Repeats) -> None:
    first = await repeats.submit()
    assert await repeats.submit(-3600) == first


@pytest.mark.parametrize("seed", range(24))
async def test_submissions_side_by_side_are_one_job(repeats: Repeats, seed: int) -> None:
    """They arrive at any time, and their calls have any order; a minute of the clock begins. The
    limit allows one job: none of them is refused for the job that it repeats."""

    def seconds_later() -> None:
        repeats.now += timedelta(seconds=1.5)

    order = Interleaving(seed, seconds_later)

    async def submit() -> str:
        await order.step()
        return await repeats.submit_by(repeats.other_process(order), most=1)

    results = await order.run(*(submit() for _ in range(3)))
    assert results == [results[0]] * 3
    assert await repeats.listed() == [results[0]]
    assert repeats.now < NOON + timedelta(seconds=90), "all of it within a minute"


@pytest.mark.parametrize("seed", range(12))
async def test_failure_1_requests_with_one_key_side_by_side_are_one_job(
    repeats: Repeats, seed: int
) -> None:
    """Also where that job is the last one that the limit allows."""
    order, key = Interleaving(seed, lambda: None), uuid.uuid4().hex

    async def submit() -> str:
        await order.step()
        service = repeats.other_process(order).service
        accepted = await service.accept(
            repeats.submission, repeats.caller, key, "http", max_active_jobs=1
        )
        return accepted.job.job_id

    results = await order.run(*(submit() for _ in range(3)))
    assert results == [results[0]] * 3


async def test_a_repeat_during_checks_that_take_minutes_is_the_same_job(repeats: Repeats) -> None:
    """It arrives more than a minute after the first, and less than one after its acceptance."""
    order = Interleaving(0)
    slow = repeats.other_process(order)

    async def submit_late() -> str:
        await order.step()
        repeats.now += timedelta(minutes=5)
        return await repeats.submit_by(repeats.other_process(order))

    results = await order.run(repeats.submit_by(slow), submit_late())
    assert results == [results[0]] * 2
    assert await repeats.listed() == [results[0]]


async def test_many_submissions_side_by_side_are_one_job(repeats: Repeats) -> None:
    order = Interleaving(0)
    processes = [repeats.other_process(order) for _ in range(12)]
    results = await order.run(*(repeats.submit_by(process) for process in processes))
    assert results == [results[0]] * 12
    assert await repeats.listed() == [results[0]]


@pytest.mark.parametrize("calls", range(6))
async def test_a_repeat_after_a_death_is_one_job(repeats: Repeats, calls: int) -> None:
    """The process died after so many calls of storage; the repeat is created in its place."""
    order = Interleaving(0)
    order.dies_after = calls
    dying = repeats.other_process(order)
    [died] = await order.run(repeats.submit_by(dying))
    assert isinstance(died, Died)
    ids = [await repeats.submit(30), await repeats.submit(29)]
    assert ids[0] == ids[1]
    assert [stored for stored in await repeats.listed() if stored != ids[0]] == []
    assert (await repeats.jobs.get(ids[0])).job_id == ids[0]


async def test_a_repeat_long_after_a_death_is_a_new_job(repeats: Repeats) -> None:
    order = Interleaving(0)
    order.dies_after = 3
    await order.run(repeats.submit_by(repeats.other_process(order)))
    first = await repeats.submit(61)
    assert await repeats.submit(60) == first
    assert await repeats.listed() == [first]


@pytest.mark.parametrize("event", ["cancel", "end", "delete"])
async def test_a_repeat_of_a_job_that_is_over_is_another_job(repeats: Repeats, event: str) -> None:
    first = await repeats.submit()
    if event == "cancel":
        await repeats.jobs.request_cancel(first)
    else:
        await repeats.jobs.update(first, "x", phase=Phase.SUBMIT_FAILED)
        if event == "delete":
            await repeats.jobs.delete(first)
    before = await repeats.jobs.get(first)
    second = await repeats.submit(1)
    assert second != first
    assert await repeats.submit(1) == second
    assert await repeats.jobs.get(first) == before


async def test_a_repeat_is_not_refused_for_a_job_that_ended_in_a_crash(repeats: Repeats) -> None:
    """Its process died after the end was in its row, and before the index followed."""
    first = await repeats.submit(most=1)
    order = Interleaving(0)
    order.dies_after = 2  # of reading the row and writing the end
    dying = repeats.other_process(order).service.jobs

    async def end() -> str:
        return (await dying.update(first, "x", phase=Phase.SUBMIT_FAILED)).job_id

    [died] = await order.run(end())
    assert isinstance(died, Died) and (await repeats.jobs.get(first)).phase.is_end
    assert await repeats.jobs.index.count_active(repeats.caller, 9) == 1
    second = await repeats.submit(1, most=1)
    assert second != first and await repeats.submit(1, most=1) == second
    assert await repeats.jobs.index.count_active(repeats.caller, 9) == 1


async def test_a_repeat_is_found_however_many_rows_have_no_job(repeats: Repeats) -> None:
    for number in range(5):
        await repeats.jobs.index.mark_active(repeats.ghost(number), is_ahead=True)
    first = await repeats.submit(most=5)
    assert await repeats.submit(40, most=5) == first


async def test_the_active_limit_applies_to_new_jobs_only(repeats: Repeats) -> None:
    first = await repeats.submit(most=1)
    assert await repeats.submit(1, most=1) == first
    repeats.submission = replace(repeats.submission, fingerprint="f" * 64)
    with pytest.raises(TooMany):
        await repeats.submit(1, most=1)


async def test_another_caller_has_another_job(repeats: Repeats) -> None:
    first = await repeats.submit()
    repeats.caller = Caller(uuid.uuid4().hex, "tenant", "y")
    assert await repeats.submit() != first


async def test_expired_claims_are_removed(repeats: Repeats) -> None:
    """Those that are claimed again meanwhile, or are not old yet, stay."""
    first = await repeats.submit()
    claims = repeats.jobs.index.claims
    await claims.remove_expired(repeats.now + LIFETIME)
    assert await repeats.submit(60) == first
    removed = await claims.remove_expired(repeats.now + LIFETIME)
    assert removed >= 1 and await claims.remove_expired(repeats.now + LIFETIME) == 0
    second = await repeats.submit()
    assert second != first, "the claim was removed, not the job"
    assert set(await repeats.listed()) == {first, second}


async def test_claims_are_no_active_jobs(repeats: Repeats) -> None:
    job_id = await repeats.submit()
    index = repeats.jobs.index
    assert await index.count_active(repeats.caller, 9) == 1
    partition = rows.active_owner_partition(repeats.caller)
    year = timedelta(days=365)
    late = [item async for item in index.find_overdue(repeats.now + year) if item[0] == partition]
    assert late == [(partition, job_id)]


async def test_a_submission_that_was_checked_too_long_claims_nothing(repeats: Repeats) -> None:
    """A claim that was made and removed meanwhile would be unknown to it."""

    def much_later() -> None:
        repeats.now += MAX_AGE_OF_LOOK * 0.7

    order = Interleaving(0, much_later)
    [refused] = await order.run(repeats.submit_by(repeats.other_process(order)))
    assert isinstance(refused, Unavailable)
    assert await repeats.listed() == []
    assert await repeats.jobs.index.count_active(repeats.caller, 9) == 0
