"""Retry of failed jobs: one attempt per request."""

from datetime import timedelta

import pytest

from shared.contracts.states import LeftOnCluster, Phase
from shared.errors import Conflict, NotRetryable, TooMany
from shared.jobs import JobStateRepository
from tests.support.samples import job
from triggers.http.job_retry import JobRetry

MOST_ACTIVE = 2


@pytest.fixture
def retrying(jobs: JobStateRepository) -> JobRetry:
    return JobRetry(jobs, timedelta(days=1), MOST_ACTIVE)


async def test_two_concurrent_retries_start_one_attempt(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """Both read the failed job before either starts an attempt."""
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    clicks = [await retrying.queue(failed, request_id) for request_id in ("one", "other")]
    assert [click.attempt for click in clicks] == [2, 2]
    assert len(await jobs.events(failed.job_id)) == 2


async def test_failure_1_a_repeated_retry_request_returns_the_same_attempt(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """The response was lost, and meanwhile the attempt failed too."""
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    queued = await retrying.queue(failed, "same")
    assert await retrying.queue(queued, "same") == queued
    with pytest.raises(Conflict, match="has not failed"):
        await retrying.queue(queued, "another")
    again = await jobs.update(failed.job_id, "submit_failed", phase=Phase.SUBMIT_FAILED)
    assert await retrying.queue(again, "same") == again
    assert (await retrying.queue(again, "another")).attempt == 3


async def test_retried_searches_of_a_batch_count_as_active(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """The batch has ended, and no longer counts for them."""
    parent = await jobs.create(job(9, phase=Phase.SEARCH_FAILED, child_count=3), {})
    failed = [
        await jobs.create(
            job(n, phase=Phase.SEARCH_FAILED, parent_job_id=parent.job_id, child_number=n), {}
        )
        for n in (1, 2, 3)
    ]
    for child in (*failed, parent):
        await jobs.sync(child)
    assert await jobs.index.count_active(parent.owner, 9) == 0
    for child in failed[:MOST_ACTIVE]:
        await retrying.queue(child, None)
    with pytest.raises(TooMany):
        await retrying.queue(failed[2], None)


async def test_a_search_of_a_batch_that_is_to_be_deleted_is_not_retried(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """It would be deleted with its batch as soon as it has ended again."""
    parent = await jobs.create(job(9, phase=Phase.SEARCH_FAILED, child_count=1), {})
    search = job(1, phase=Phase.SEARCH_FAILED, parent_job_id=parent.job_id, child_number=1)
    one = await jobs.create(search, {})
    await jobs.request_delete(parent.job_id)
    with pytest.raises(NotRetryable, match="is being deleted"):
        await retrying.queue(one, None)
    assert await jobs.get(one.job_id) == one


async def test_a_second_retry_without_a_request_id_is_a_conflict(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    failed = await jobs.create(job(phase=Phase.TIMED_OUT), {})
    queued = await retrying.queue(failed, None)
    with pytest.raises(Conflict, match="has not failed"):
        await retrying.queue(queued, None)


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.is_failure])
async def test_a_job_that_has_not_failed_is_not_retried(
    phase: Phase, jobs: JobStateRepository, retrying: JobRetry
) -> None:
    stored = await jobs.create(job(phase=phase, child_count=2), {})
    with pytest.raises(Conflict) as refused:
        await retrying.queue(stored, None)
    assert refused.value.code == "not_failed"


@pytest.mark.parametrize(
    ("phase", "children"), [(Phase.CONFIG_INVALID, 0), (Phase.SEARCH_FAILED, 3)]
)
async def test_an_invalid_config_and_a_batch_are_not_retried(
    phase: Phase, children: int, jobs: JobStateRepository, retrying: JobRetry
) -> None:
    stored = await jobs.create(job(phase=phase, child_count=children), {})
    with pytest.raises(NotRetryable) as refused:
        await retrying.queue(stored, None)
    assert refused.value.code == "not_retryable"
    assert await jobs.get(stored.job_id) == stored


async def test_failure_41_a_retry_counts_towards_the_active_limit(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED), {})
    for number in range(2, 2 + MOST_ACTIVE):
        await jobs.create(job(number), {})
    with pytest.raises(TooMany):
        await retrying.queue(failed, None)
    assert await jobs.get(failed.job_id) == failed


async def test_a_retry_keeps_what_the_attempt_before_may_have_left(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """Until a clean-up proves that nothing is left, however the next attempt ends."""
    failed = job(
        phase=Phase.SEARCH_FAILED,
        left_on_cluster=LeftOnCluster.UNKNOWN,
        other_cluster="the cluster other1",
    )
    await jobs.create(failed, {})
    again = await retrying.queue(failed, None)
    assert (again.attempt, again.left_on_cluster) == (2, LeftOnCluster.UNKNOWN)
    assert again.other_cluster == "the cluster other1"


async def test_a_retry_of_a_job_that_is_still_cleaned_up_needs_a_free_place(
    jobs: JobStateRepository, retrying: JobRetry
) -> None:
    """A job that has ended does not count as active, and its next attempt does."""
    unknown = LeftOnCluster.UNKNOWN
    failed = await jobs.create(job(phase=Phase.SEARCH_FAILED, left_on_cluster=unknown), {})
    for number in range(2, 2 + MOST_ACTIVE):
        await jobs.create(job(number), {})
    with pytest.raises(TooMany):
        await retrying.queue(failed, None)
