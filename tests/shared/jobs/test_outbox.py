"""Outbox messages are written in the transaction of their transition."""

from shared.contracts.states import Phase
from shared.jobs import JobStateRepository
from tests.shared.jobs.conftest import Clock
from tests.support.samples import job


async def statuses(jobs: JobStateRepository) -> list[str]:
    return [message.status for message in await jobs.pending_messages(job().job_id)]


async def test_each_status_change_writes_one_message(jobs: JobStateRepository) -> None:
    await jobs.create(job(notify=True), {})
    await jobs.update(job().job_id, "config_written", phase=Phase.SUBMITTING)
    await jobs.update(job().job_id, "submitted", phase=Phase.SUBMITTED)
    payload = {"error_code": "search_failed", "error": "x" * 100_000}
    await jobs.update(job().job_id, "failure_detected", phase=Phase.CANCELLING)
    await jobs.update(job().job_id, "search_failed", payload, phase=Phase.SEARCH_FAILED)
    messages = await jobs.pending_messages(job().job_id)
    assert [message.status for message in messages] == ["queued", "running", "failed"]
    assert [message.sequence for message in messages] == [1, 2, 5]
    assert messages[-1].error_code == "search_failed"
    assert messages[-1].error is not None and len(messages[-1].error) == 4000


async def test_a_job_without_notifications_writes_no_message(jobs: JobStateRepository) -> None:
    await jobs.create(job(), {})
    await jobs.update(job().job_id, "config_written", phase=Phase.SUBMITTING)
    assert await statuses(jobs) == []
    await jobs.update(job().job_id, "asked_for_messages", notify=True)
    assert await statuses(jobs) == ["running"]


async def test_failure_36_a_job_is_active_until_its_last_message_is_sent(
    jobs: JobStateRepository, clock: Clock
) -> None:
    await jobs.create(job(phase=Phase.RUNNING, notify=True), {})
    ended = await jobs.update(job().job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    clock.move(10**6)
    assert len([item async for item in jobs.index.find_overdue(clock())]) == 1
    for message in await jobs.pending_messages(ended.job_id):
        await jobs.mark_sent(ended.job_id, message.sequence)
        await jobs.mark_sent(ended.job_id, message.sequence)
    await jobs.sync(ended)
    assert [item async for item in jobs.index.find_overdue(clock())] == []


async def test_failure_19_a_payload_that_exceeds_a_column_is_cut(jobs: JobStateRepository) -> None:
    await jobs.create(job(), {"text": "x" * 100_000})
    await jobs.append_history(job().job_id, "listed", {"names": ["x" * 1000] * 100})
    first, second = await jobs.events(job().job_id)
    assert len(first.payload["text"]) == 4000
    assert second.payload == {"too_long": 100411}
