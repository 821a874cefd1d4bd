"""The gauges say what the tables and queues say."""

import uuid
from datetime import timedelta

import pytest
from azure.storage.queue.aio import QueueClient

from local.azurite import Azurite
from shared.clients.queues import Queue, open_queue
from shared.clients.tables import open_table
from shared.contracts.states import Phase
from shared.jobs import Index, JobStateRepository
from shared.telemetry.names import POISON_LENGTH, QUEUE_LENGTH
from tests.shared.jobs.conftest import Clock
from tests.support.reports import Reports
from tests.support.samples import RECONCILE_AFTER, job
from triggers.timers.gauges import Gauges


@pytest.fixture
def reports() -> Reports:
    return Reports()


def gauges(jobs: JobStateRepository, reports: Reports, clock: Clock, *queues: Queue) -> Gauges:
    named = dict(zip((QUEUE_LENGTH, POISON_LENGTH), queues, strict=False))
    return Gauges(jobs, named, reports.telemetry(), clock)


def active(reports: Reports) -> dict[str, float]:
    """The number of active jobs by phase, of phases that have some."""
    values = reports.values("blast.jobs.active")
    by_phase = {dict(attributes)["phase"]: value for attributes, value in values.items()}
    assert set(by_phase) == {phase.value for phase in Phase if not phase.is_end}
    return {phase: number for phase, number in by_phase.items() if number}


async def test_active_jobs_are_counted_by_the_phase_of_their_last_check_time(
    jobs: JobStateRepository, reports: Reports, clock: Clock
) -> None:
    report = gauges(jobs, reports, clock).report
    await report()
    assert active(reports) == {} and [*reports.values("blast.oldest_waiting").values()] == [0]
    for number in (1, 2, 3):
        await jobs.create(job(number, created_at=clock(), updated_at=clock()), {})
        clock.move(10)
    one, two, three = (job(number).job_id for number in (1, 2, 3))
    clock.move(300)  # longer than a row stays as it is
    await jobs.update(one, "submitted", phase=Phase.SUBMITTED)
    await jobs.update(two, "waiting", phase=Phase.WAITING_FOR_CAPACITY)
    await report()
    assert active(reports) == {"submitted": 1, "waiting_for_capacity": 1, "queued": 1}
    assert [*reports.values("blast.oldest_waiting").values()] == [320]
    await jobs.update(two, "cancelling", phase=Phase.CANCELLING)
    await jobs.update(two, "cancelled", phase=Phase.CANCELLED)
    await jobs.update(three, "cancelling", phase=Phase.CANCELLING)
    await jobs.update(three, "failed", phase=Phase.SUBMIT_FAILED)
    await report()
    assert active(reports) == {"submitted": 1}
    clock.move(100)
    await jobs.start_attempt(three, 2, timedelta(hours=1))
    clock.move(7)
    await report()
    assert active(reports) == {"submitted": 1, "queued": 1}
    assert [*reports.values("blast.oldest_waiting").values()] == [7]  # its second attempt


async def test_the_lengths_of_the_queues_are_reported(
    jobs: JobStateRepository, reports: Reports, clock: Clock, azurite: Azurite
) -> None:
    name = f"q{uuid.uuid4().hex}"
    opened = [open_queue(name + end, azurite.connection_string, "", None) for end in ("", "-none")]
    connection = azurite.connection_string
    async with QueueClient.from_connection_string(connection, name) as sender:
        await sender.create_queue()
        for _ in range(3):
            await sender.send_message("x")
    await gauges(jobs, reports, clock, *opened).report()
    assert [*reports.values("blast.queue.length").values()] == [3]
    assert [*reports.values("blast.poison.length").values()] == [0]  # there is no such queue yet
    for queue in opened:
        await queue.aclose()


async def test_a_store_that_does_not_answer_fails_no_reconcile(
    reports: Reports, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    dead = "http://127.0.0.1:9/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint={dead}"
    table = open_table("away", connection, "", None)
    away = JobStateRepository(table, Index(table, RECONCILE_AFTER), clock)
    await gauges(away, reports, clock).report()
    assert "gauges_not_reported code=storage_unavailable" in caplog.text
    assert reports.values("blast.jobs.active") == {}
