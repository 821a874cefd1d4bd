"""Retrying a failed job: a new attempt with a new elb_job_id."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.activities import Category, Decision, Stage
from shared.contracts.job import Counts, Job, elb_id
from shared.contracts.states import Phase
from shared.errors import Conflict
from shared.jobs import JobStateRepository, StepRecord
from tests.shared.jobs.conftest import Clock
from tests.support.samples import job

DAY = timedelta(days=1)
FAILED: dict[str, Any] = {
    "phase": Phase.SEARCH_FAILED,
    "error_code": "search_failed",
    "error": "a batch failed",
    "step": 7,
    "decision": Decision(None),
    "counts": Counts(4, 3, 1, 0),
    "retry_counts": {Category.TRANSIENT: 2},
    "ended_submit_operations": 1,
    "config_blob": "https://stgelb.blob.core.windows.net/queries/x.ini",
}


async def test_the_next_attempt_starts_with_reset_fields(
    jobs: JobStateRepository, clock: Clock
) -> None:
    first = await jobs.create(job(**FAILED), {})
    clock.move(3600)
    await jobs.start_attempt(first.job_id, 2, DAY)
    again = await jobs.get(first.job_id)
    assert (again.phase, again.attempt, again.step, again.decision) == (Phase.QUEUED, 2, 0, None)
    assert (again.error_code, again.counts, again.retry_counts) == (None, Counts(), {})
    assert (again.config_blob, again.finished_at) == (None, None)
    assert (again.created_at, again.deadline_at) == (first.created_at, clock() + DAY)
    assert (again.search, again.fingerprint) == (first.search, first.fingerprint)
    assert again.instance_id == f"{first.job_id}-2"


async def test_a_repeated_retry_request_starts_one_attempt(jobs: JobStateRepository) -> None:
    first = await jobs.create(job(**FAILED), {})
    for _ in range(2):
        assert (await jobs.start_attempt(first.job_id, 2, DAY)).attempt == 2
    assert [event.event for event in await jobs.events(first.job_id)] == [
        "accepted",
        "retry_requested",
    ]


async def test_failure_13_a_stored_attempt_whose_index_was_not_updated_is_overdue(
    jobs: JobStateRepository, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process crashes after the transition and before the index update."""
    failed = await jobs.create(job(phase=Phase.RUNNING), {})
    await jobs.update(failed.job_id, "search_failed", phase=Phase.SEARCH_FAILED)

    def crash(job: Job, before: Job) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs, "sync", crash)
        await jobs.start_attempt(failed.job_id, 2, DAY)
    clock.move(10**6)
    assert [job_id async for _, job_id in jobs.index.find_overdue(clock())] == [failed.job_id]


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.COMPLETED, Phase.CANCELLED])
async def test_only_a_failed_job_can_be_retried(jobs: JobStateRepository, phase: Phase) -> None:
    one = await jobs.create(job(phase=phase), {})
    with pytest.raises(Conflict, match="has not failed"):
        await jobs.start_attempt(one.job_id, 2, DAY)


async def test_a_step_of_an_earlier_attempt_changes_nothing(jobs: JobStateRepository) -> None:
    """A delayed activity runs again after the next attempt started."""
    first = await jobs.create(job(**FAILED), {})
    await jobs.start_attempt(first.job_id, 2, DAY)
    decision = Decision(Stage.WATCH)
    await jobs.update(
        first.job_id,
        "running",
        step=StepRecord(8, Stage.PREPARE, decision),
        attempt=1,
        phase=Phase.RUNNING,
    )
    now = await jobs.get(first.job_id)
    assert (now.phase, now.step, now.sequence) == (Phase.QUEUED, 0, 2)


async def test_a_late_index_update_of_an_ended_attempt_does_not_hide_the_next(
    jobs: JobStateRepository, clock: Clock
) -> None:
    ended = await jobs.create(job(**FAILED), {})
    await jobs.start_attempt(ended.job_id, 2, DAY)
    await jobs.sync(ended)
    clock.move(10**6)
    assert [job_id async for _, job_id in jobs.index.find_overdue(clock())] == [ended.job_id]


def test_the_last_8_characters_of_all_attempts_differ() -> None:
    ids = [elb_id(job().job_id, attempt) for attempt in range(1, 20)]
    assert ids[0] == job().job_id
    assert len({text[-8:] for text in ids}) == len(ids)
    assert all(len(text) == len(job().job_id) for text in ids)
