"""What holds of jobs at any time, and what holds once all of them have ended."""

from datetime import timedelta
from itertools import pairwise

from shared.blast.result_files import MANIFEST, result_files
from shared.contracts.job import Event, Job, elb_id
from shared.contracts.states import LeftOnCluster, Phase
from tests.simulation.scene import Scene

CLEANUP = ("cleanup_confirmed", "cleanup_abandoned")
"""The events of a job that has ended."""
Ends = dict[tuple[str, int], Phase]


async def check_now(scene: Scene, jobs: list[Job], ends: Ends) -> None:
    """I2, I3, I5, I6 of jobs as they are; `ends` keeps how attempts have ended."""
    assert scene.environment.violations == []
    for job in jobs:
        if job.phase.is_end:
            assert ends.setdefault((job.job_id, job.attempt), job.phase) is job.phase
        is_proven = job.left_on_cluster is LeftOnCluster.NONE
        if job.phase is Phase.CANCELLED or (job.phase.is_failure and is_proven):
            assert_nothing_is_left(scene, job)
        # Of a first attempt something can be left only once it has failed.
        assert is_proven or job.phase.is_failure or job.attempt > 1
        if job.phase is Phase.COMPLETED:
            await assert_results_are_there(scene, job)


def assert_nothing_is_left(scene: Scene, job: Job) -> None:
    """I5: neither of this attempt nor of those before."""
    assert not [one for one in scene.environment.processes if one.runs and one.job_id == job.job_id]
    for attempt in range(1, job.attempt + 1):
        assert scene.environment.with_pods(elb_id(job.job_id, attempt)) == []


async def assert_results_are_there(scene: Scene, job: Job) -> None:
    """I6: the marker, the result of each batch, and the list of them."""
    listed = await scene.store.blobs.list(job.results_prefix)
    names = {blob.name for blob in listed}
    assert {"metadata/SUCCESS.txt", MANIFEST} <= names
    assert "metadata/FAILURE.txt" not in names
    assert job.counts.expected is not None
    assert len(result_files(listed)) == job.counts.expected


async def check_ended(scene: Scene, jobs: list[Job]) -> None:
    """I1, I7, and that nothing of the cluster is held for ever."""
    for job in jobs:
        events = await scene.jobs.events(job.job_id)
        assert job.phase.is_end, (job, [event.event for event in events])
        assert [event.sequence for event in events] == list(range(1, job.sequence + 1))
        assert events[-1].phase is job.phase
        for before, after in pairwise(events):
            assert _is_allowed(before, after), (before, after)
        ends = [event for event in events if event.phase.is_end and event.event not in CLEANUP]
        assert len(ends) == job.attempt
        assert len(events) < 200
    lease = scene.environment.lease
    assert lease is None or scene.clock() - lease.renewed > timedelta(seconds=900)


def _is_allowed(before: Event, after: Event) -> bool:
    if after.event == "retry_requested":
        return before.phase.is_failure and after.phase is Phase.QUEUED
    if after.event in CLEANUP:
        is_unproven_end = before.phase.is_failure or before.phase is Phase.COMPLETED
        return is_unproven_end and after.phase is before.phase
    keeps = after.phase is before.phase and not before.phase.is_end
    return keeps or before.phase.can_become(after.phase)
