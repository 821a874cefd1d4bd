"""Watching, in a small world: BLAST's own words, and progress beyond the TTL of Jobs."""

import pytest

from activities.failure import read_failure
from activities.observe import MESSAGE_GRACE, MESSAGE_POLL_INTERVAL
from shared.clients.blobs import BlobInfo
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.job import Counts, Job
from shared.contracts.states import Phase
from shared.util.redaction import LONGEST
from tests.activities.test_observe import look
from tests.simulation.models import TTL, Plan
from tests.simulation.scene import Scene


@pytest.fixture
async def job(scene: Scene) -> Job:
    """A search that has just been submitted; its two batches run until the test ends them."""
    scene.environment.batch_time = None
    return await scene.submitted()


async def test_failure_51_an_error_begins_with_the_message_of_blast(scene: Scene, job: Job) -> None:
    words = "Warning: [blastn] Examining 5\nBLAST engine error: Error: no\n"
    await scene.environment.end_batch(job.elb_job_id, well=False, words=words)
    now = await look(scene, job)
    text = "BLAST engine error: Error: no; blastn-batch-16s-job-000-"
    assert (now.error or "").startswith(text)
    assert "failed (BackoffLimitExceeded" in (now.error or "")
    assert now.pending_failure and now.pending_failure.error == now.error
    [event] = await scene.events(job, "failure_detected")
    assert event.payload["error"] == now.error
    assert await scene.events(job, "job_failed") == []


async def test_failure_51_words_that_come_a_little_later_are_waited_for(
    scene: Scene, job: Job
) -> None:
    await scene.environment.end_batch(job.elb_job_id, well=False, words=None)
    now = await look(scene, job)
    assert (now.phase, now.failed_jobs_since) == (Phase.RUNNING, scene.clock())
    assert "BackoffLimitExceeded" in (now.reason or "")
    assert await look(scene, job) == now  # written once
    await scene.environment._write(
        job.elb_job_id, "metadata/FAILURE.txt", "BLAST Database error: no"
    )
    now = await look(scene, job)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "search_failed")
    assert (now.error or "").startswith("BLAST Database error: no; blastn-batch-")
    assert len(await scene.events(job, "job_failed")) == 1


async def test_failure_51_words_that_never_come_are_not_waited_for_longer(
    scene: Scene, job: Job
) -> None:
    await scene.environment.end_batch(job.elb_job_id, well=False, words=None)
    await look(scene, job)
    assert (await look(scene, job, MESSAGE_GRACE.total_seconds() - 1)).phase is Phase.RUNNING
    now = await look(scene, job, 1)
    assert now.phase is Phase.CANCELLING
    assert (now.error or "").startswith("blastn-batch-16s-job-000-")
    waits = (await scene.do(ActivityName.OBSERVE_SEARCH, await scene.submitted(2))).delay
    assert waits <= MESSAGE_POLL_INTERVAL * 2


async def test_failure_51_a_job_that_failed_stays_so_when_it_has_vanished(
    scene: Scene, job: Job
) -> None:
    await scene.environment.end_batch(job.elb_job_id, well=False, words=None)
    await look(scene, job)
    scene.environment.delete(job.elb_job_id)
    await scene.environment._write(job.elb_job_id, "metadata/SUCCESS.txt", "SUCCESS")
    now = await look(scene, job, 3600)
    assert (now.phase, now.error_code) == (Phase.CANCELLING, "search_failed")
    assert "BackoffLimitExceeded" in (now.error or "")


async def test_failure_51_the_words_of_a_shard_lie_below_its_folder(scene: Scene, job: Job) -> None:
    await scene.environment._write(
        job.elb_job_id, "shard_03/metadata/FAILURE.txt", "BLAST engine error: no"
    )
    root = (await scene.now(job)).results_prefix
    assert await read_failure(scene.store.blobs, root, "3") == "BLAST engine error: no"
    assert await read_failure(scene.store.blobs, root) is None


async def test_failure_54_progress_of_a_search_longer_than_its_jobs_are_kept(
    scene: Scene, job: Job
) -> None:
    await scene.environment.end_batch(job.elb_job_id)
    assert (await look(scene, job)).counts.succeeded == 1
    await scene.passes(TTL.total_seconds() + 1)
    await scene.environment.end_batch(job.elb_job_id)
    assert (await look(scene, job)).counts.succeeded == 2
    assert (await scene.do(ActivityName.COLLECT_RESULTS, job)).next_stage is Stage.INDEX
    assert (await scene.do(ActivityName.PLAN_INDEX, job)).phase is Phase.COMPLETED
    assert (await scene.now(job)).counts == Counts(expected=2, succeeded=2)


async def test_failure_54_what_finished_and_vanished_unseen_is_counted_by_its_result(
    scene: Scene,
) -> None:
    scene.environment.batch_time, scene.environment.usual = None, Plan(batches=4)
    job = await scene.submitted()
    await look(scene, job)
    for _ in range(2):
        await scene.environment.end_batch(job.elb_job_id)
    await scene.passes(TTL.total_seconds() + 1)  # as in an outage of the app
    listed = []
    with_list = scene.store.blobs.list

    async def count(prefix: str) -> list[BlobInfo]:
        listed.append(prefix)
        return await with_list(prefix)

    scene.store.blobs.list = count  # type: ignore[method-assign]
    try:
        assert (await look(scene, job)).counts == Counts(4, 2, 0, 2)
        for _ in range(3):
            await look(scene, job)
    finally:
        del scene.store.blobs.list
    assert len(listed) == 1  # I10: not with every look


async def test_failure_54_completed_means_all_batches_whatever_was_counted(
    scene: Scene, job: Job
) -> None:
    await look(scene, job)
    for _ in range(2):
        await scene.environment.end_batch(job.elb_job_id)
    await scene.passes(TTL.total_seconds() + 1)
    await look(scene, job)
    await scene.jobs.update(job.job_id, "forgotten", counts=Counts(expected=2), finished_batches="")
    await scene.do(ActivityName.COLLECT_RESULTS, job)
    assert (await scene.now(job)).counts == Counts(expected=2, succeeded=2)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
async def test_failure_51_blasts_message_is_plain_text_whatever_it_was_written_as(
    scene: Scene, job: Job, encoding: str
) -> None:
    text = "INFO: it cannot wait\n\x1b[31mBLAST engine error: größe\x1b[0m\x08\n"
    url = (await scene.now(job)).results_prefix + "metadata/FAILURE.txt"
    await scene.store.blobs.put(url, text.encode(encoding))
    assert await read_failure(scene.store.blobs, (await scene.now(job)).results_prefix) == (
        "BLAST engine error: größe"
    )


async def test_failure_55_the_end_of_a_long_message_does_not_begin_within_a_secret(
    scene: Scene, job: Job
) -> None:
    noise = "a warning of a program; " * 4000
    text = "sig=" + "s3cr3t" * 20 + " " + noise[: LONGEST - 61]
    url = (await scene.now(job)).results_prefix + "metadata/FAILURE.txt"
    await scene.store.blobs.put(url, text.encode())
    message = await read_failure(scene.store.blobs, (await scene.now(job)).results_prefix) or ""
    assert message.startswith("a warning of a program;")
