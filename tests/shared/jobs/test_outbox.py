"""Outbox messages are written in the transaction of their transition."""

from shared.contracts.states import Phase
from shared.jobs import JobStateRepository
from tests.shared.jobs.conftest import Clock
from tests.support.samples import job


def statuses(jobs: JobStateRepository) -> list[str]:
    return [message.status for message in jobs.pending_messages(job().job_id)]


def test_each_status_change_writes_one_message(jobs: JobStateRepository) -> None:
    jobs.create(job(notify=True), {})
    jobs.update(job().job_id, "config_written", phase=Phase.SUBMITTING)
    jobs.update(job().job_id, "submitted", phase=Phase.SUBMITTED)
    payload = {"error_code": "search_failed", "error": "x" * 100_000}
    jobs.update(job().job_id, "failure_detected", phase=Phase.CANCELLING)
    jobs.update(job().job_id, "search_failed", payload, phase=Phase.SEARCH_FAILED)
    messages = jobs.pending_messages(job().job_id)
    assert [message.status for message in messages] == ["queued", "running", "failed"]
    assert [message.sequence for message in messages] == [1, 2, 5]
    assert messages[-1].error_code == "search_failed"
    assert messages[-1].error is not None and len(messages[-1].error) == 4000


def test_a_job_without_notifications_writes_no_message(jobs: JobStateRepository) -> None:
    jobs.create(job(), {})
    jobs.update(job().job_id, "config_written", phase=Phase.SUBMITTING)
    assert statuses(jobs) == []
    jobs.update(job().job_id, "asked_for_messages", notify=True)
    assert statuses(jobs) == ["running"]


def test_failure_36_a_job_is_active_until_its_last_message_is_sent(
    jobs: JobStateRepository, clock: Clock
) -> None:
    jobs.create(job(phase=Phase.RUNNING, notify=True), {})
    ended = jobs.update(job().job_id, "search_failed", phase=Phase.SEARCH_FAILED)
    clock.move(10**6)
    assert len(list(jobs.index.find_overdue(clock()))) == 1
    for message in jobs.pending_messages(ended.job_id):
        jobs.mark_sent(ended.job_id, message.sequence)
        jobs.mark_sent(ended.job_id, message.sequence)
    jobs.sync(ended)
    assert list(jobs.index.find_overdue(clock())) == []


def test_failure_19_a_payload_that_exceeds_a_column_is_cut(jobs: JobStateRepository) -> None:
    jobs.create(job(), {"text": "x" * 100_000})
    jobs.append_history(job().job_id, "listed", {"names": ["x" * 1000] * 100})
    first, second = jobs.events(job().job_id)
    assert len(first.payload["text"]) == 4000
    assert second.payload == {"too_long": 100411}
