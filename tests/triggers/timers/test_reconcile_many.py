"""A tick's work grows with overdue jobs, and a failing or slow job does not block the others."""

import logging
from collections import Counter
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus

from shared.clients.tables import Insert
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from shared.jobs.rows import active_row, job_row
from tests.shared.jobs.conftest import Clock
from tests.shared.jobs.counted import Counted
from tests.support.fake_durable import FakeDurable, Instance
from tests.support.reports import Reports
from tests.support.samples import RECONCILE_AFTER, job, publish_nothing, settings
from tests.triggers.timers.conftest import LATE, Store, late_job, no_stopper
from triggers.timers.reconcile import Reconciler


def reconciler(
    jobs: JobStateRepository,
    clock: Clock,
    deliver: Any = publish_nothing,
    reports: Reports | None = None,
) -> Reconciler:
    telemetry = (reports or Reports()).telemetry()
    return Reconciler(jobs, settings(), clock, deliver, no_stopper, telemetry)


async def test_the_work_of_a_tick_grows_with_overdue_jobs_only(
    store: Store, clock: Clock, durable: FakeDurable
) -> None:
    for number in (1, 2, 3):
        await late_job(store.over(), clock, number, phase=Phase.RUNNING)
        durable.add_running(job(number).job_id)
    due = clock() + RECONCILE_AFTER
    for start in range(1000, 2000, 100):
        some = [active_row(job(number), due) for number in range(start, start + 100)]
        await store.index_table.commit([Insert(row) for row in some])
    asked: Counter[str] = Counter()
    jobs = store.over(Counted(store.jobs_table, asked), Counted(store.index_table, asked))
    assert await reconciler(jobs, clock).tick(durable) == {"running": 3}
    assert asked == {"query": 2, "get": 6, "write": 3}, "of overdue rows and expired claims"
    assert len(durable.calls) == 3


async def test_a_failure_of_one_job_does_not_stop_the_others(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 4):
        await late_job(jobs, clock, number, phase=Phase.RUNNING)
    broken = job(2).job_id
    durable.refuses = {f"get_status {broken}"}
    assert await reconciler(jobs, clock).tick(durable) == {"restarted": 2, "failed": 1}
    assert f"timer_item_failed job_id={broken}" in caplog.text
    durable.refuses = set()
    clock.move(LATE)
    for number in (1, 3):
        durable.add_running(job(number).job_id)
    assert await reconciler(jobs, clock).tick(durable) == {"restarted": 1, "running": 2}


async def test_failure_13_a_failed_start_is_retried_and_not_recorded_as_a_restart(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    stored = await late_job(jobs, clock)
    durable.refuses = {"start_new"}
    assert await reconciler(jobs, clock).tick(durable) == {"failed": 1}
    assert len(await jobs.events(stored.job_id)) == 1
    durable.refuses = set()
    clock.move(LATE)
    assert await reconciler(jobs, clock).tick(durable) == {"restarted": 1}


async def test_failure_15_a_crash_on_one_job_is_raised_and_does_not_stop_the_others(
    store: Store,
    jobs: JobStateRepository,
    clock: Clock,
    durable: FakeDurable,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    reports = Reports()
    for number in range(1, 4):
        await late_job(jobs, clock, number, phase=Phase.RUNNING)
    damaged = job_row(job(2))
    del damaged["owner_oid"]
    await store.jobs_table.upsert(damaged)
    with pytest.raises(ExceptionGroup) as raised:
        await reconciler(jobs, clock, reports=reports).tick(durable)
    assert ["owner_oid" in str(bug) for bug in raised.value.exceptions] == [True]
    assert set(durable.instances) == {job(1).job_id, job(3).job_id}
    assert reports.values("blast.reconcile") == {
        frozenset({("result", "restarted")}): 2,
        frozenset({("result", "crashed")}): 1,
    }
    (line,) = [text for text in caplog.messages if text.startswith("reconciled ")]
    assert {*line.split()} == {"reconciled", "restarted=2", "crashed=1"}


async def test_messages_that_cannot_be_sent_hide_no_crash_of_their_job(
    jobs: JobStateRepository, clock: Clock, durable: FakeDurable, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(_: Job) -> None:
        raise Unavailable("queue_unavailable", "the queue does not answer")

    stored = await late_job(jobs, clock, phase=Phase.RUNNING, notify=True)
    durable.instances[stored.job_id] = Instance(OrchestrationRuntimeStatus.Running, None)  # type: ignore[arg-type]
    with pytest.raises(ExceptionGroup) as raised:
        await reconciler(jobs, clock, refuse).tick(durable)
    assert [type(bug) for bug in raised.value.exceptions] == [TypeError]
    assert "last_step_failed step=publish_messages" in caplog.text
    assert "the queue does not answer" in caplog.text


async def test_failure_42_a_row_of_a_newer_version_is_no_crash_and_is_looked_at_again(
    store: Store, jobs: JobStateRepository, clock: Clock, durable: FakeDurable
) -> None:
    for number in range(1, 3):
        await late_job(jobs, clock, number, phase=Phase.RUNNING)
    known = job_row(await jobs.get(job(1).job_id))
    await store.jobs_table.upsert({**known, "stage": "verify"})
    assert await reconciler(jobs, clock).tick(durable) == {"failed": 1, "restarted": 1}
    await store.jobs_table.upsert(known)
    assert (await reconciler(jobs, clock).tick(durable))["restarted"] == 1
    assert set(durable.instances) == {job(1).job_id, job(2).job_id}


async def test_a_tick_ends_in_time_and_the_next_one_continues(
    jobs: JobStateRepository, clock: Clock
) -> None:
    class Slow(FakeDurable):
        async def get_status(self, instance_id: str) -> Any:
            clock.move(4)
            return await super().get_status(instance_id)

    for number in range(20):
        await late_job(jobs, clock, number, phase=Phase.RUNNING)
    durable = Slow(clock)
    ticks = []
    while result := await reconciler(jobs, clock).tick(durable):
        ticks.append(result["restarted"])
    assert ticks == [16, 4]


async def test_failure_36_pending_messages_are_sent_in_every_state_of_a_job(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    sent: list[str] = []

    async def deliver(stored: Job) -> None:
        for owed in await jobs.pending_messages(stored.job_id):
            sent.append(f"{stored.job_id[-1]} {owed.status}")
            await jobs.mark_sent(stored.job_id, owed.sequence)

    await late_job(jobs, clock, 1, notify=True)
    durable.add_running(job(1).job_id)
    await late_job(jobs, clock, 2, notify=True)
    await late_job(jobs, clock, 3, notify=True, phase=Phase.RUNNING)
    await jobs.update(job(3).job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    clock.move(LATE)
    result = await reconciler(jobs, clock, deliver).tick(durable)
    assert result == {"running": 1, "restarted": 1, "messages_pending": 1}
    assert sorted(sent) == ["1 queued", "2 queued", "3 failed", "3 running"]
    clock.move(10 * LATE)
    assert await store.late() == [job(1).job_id, job(2).job_id], "the third is at rest"


async def test_failure_36_an_unavailable_queue_does_not_stop_a_job(
    jobs: JobStateRepository, store: Store, clock: Clock, durable: FakeDurable
) -> None:
    def deliver(stored: Job) -> None:
        raise Unavailable("queue_unavailable", "the queue is away")

    await late_job(jobs, clock, 1, notify=True)
    await late_job(jobs, clock, 2, notify=True, phase=Phase.RUNNING)
    await jobs.update(job(2).job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    clock.move(LATE)
    assert await reconciler(jobs, clock, deliver).tick(durable) == {"failed": 2}
    assert set(durable.instances) == {job(1).job_id}
    assert await store.late() == [], "none is in the way of those behind it"
    clock.move(LATE)
    assert await store.late() == [job(1).job_id, job(2).job_id], "and none is forgotten"
