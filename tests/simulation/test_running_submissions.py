"""A submission that may be running keeps the submit slot, and one that has ended keeps nothing."""

from datetime import timedelta

import pytest

from shared.contracts.exec import HttpRejection
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from tests.simulation.models import CallFault, Plan
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)


@pytest.fixture
def untracked(scene: Scene) -> Scene:
    """A scene with the dashboard's exec server, whose batches run until the test ends them."""
    scene.environment.with_operations = False
    scene.environment.batch_time = None
    return scene


async def overlapping(scene: Scene, time: timedelta) -> list[list[str]]:
    """The jobs that are submitted at once, at each half minute of the time."""
    found = []
    for _ in range(int(time / (MINUTE / 2))):
        await scene.run(MINUTE / 2)
        running = [process.job_id for process in scene.environment.processes if process.runs]
        if len(running) > 1:
            found.append(running)
    return found


def has_running_batch(scene: Scene, job: Job) -> bool:
    jobs = scene.environment.present(job.elb_job_id)
    return any(each.app == "blast" and not each.finished for each in jobs)


async def test_failure_9_a_batch_that_fails_does_not_end_its_submission(untracked: Scene) -> None:
    """elastic-blast still creates the other batches when FAILURE.txt is there."""
    scene = untracked
    scene.environment.usual = Plan(takes=20 * MINUTE, batches=4)
    first, second = await scene.accept(1), await scene.accept(2)
    await scene.drive(first)
    await scene.run(MINUTE)
    await scene.drive(second)
    while not has_running_batch(scene, first):
        await scene.run(MINUTE)
    await scene.environment.end_batch(first.elb_job_id, well=False)
    assert await overlapping(scene, 15 * MINUTE) == []
    assert (await scene.now(first)).phase is Phase.SEARCH_FAILED
    assert (await scene.now(second)).phase is not Phase.WAITING_FOR_SUBMIT_SLOT


async def one_submitting(scene: Scene) -> tuple[Job, Job]:
    """Two searches; the submission of the first has run for 4 minutes, and takes 24."""
    scene.environment.usual = Plan(takes=24 * MINUTE)
    first, second = await scene.accept(1), await scene.accept(2)
    await scene.drive(first)
    await scene.run(4 * MINUTE)
    return first, second


async def test_failure_9_a_submission_that_was_cancelled_keeps_the_slot_until_it_ends(
    untracked: Scene,
) -> None:
    """It cannot be stopped, and its Lease would expire after 15 minutes."""
    scene = untracked
    first, second = await one_submitting(scene)
    await scene.cancel(first)
    await scene.wake(first)
    await scene.run(16.5 * MINUTE)
    await scene.drive(second)
    assert await overlapping(scene, 10 * MINUTE) == []
    assert (await scene.now(first)).phase is Phase.CANCELLED
    assert scene.environment.holders == [first.elb_job_id, second.elb_job_id]


async def test_failure_9_a_long_retry_after_does_not_let_the_slot_of_a_submission_expire(
    scene: Scene,
) -> None:
    """The Lease can be five minutes old at the look, and lasts fifteen."""
    first, second = await one_submitting(scene)
    await scene.drive(second)
    busy = HttpRejection(429, "rate limit", 15 * MINUTE)
    scene.sidecar.refusals = [busy, busy]
    assert await overlapping(scene, 25 * MINUTE) == []
    assert scene.environment.holders == [first.elb_job_id, second.elb_job_id]


async def test_failure_9_a_cluster_that_asks_for_a_long_wait_does_not_let_a_cancelled_ones_expire(
    untracked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = untracked
    first, second = await one_submitting(scene)
    await scene.cancel(first)

    async def throttled(*_: object) -> None:
        monkeypatch.undo()
        raise Unavailable("cluster_unavailable", "429", retry_after=20 * MINUTE)

    monkeypatch.setattr(scene.cluster, "delete_jobs", throttled)
    await scene.wake(first)
    await scene.drive(second)
    assert await overlapping(scene, 25 * MINUTE) == []
    assert scene.environment.holders == [first.elb_job_id, second.elb_job_id]


@pytest.mark.parametrize("with_operations", [True, False], ids=["operations", "exec-only"])
@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(12, marks=pytest.mark.acceptance),
        pytest.param(17, marks=pytest.mark.acceptance),
        19,
    ],
)
async def test_failure_9_a_submission_keeps_its_slot_while_no_step_of_its_job_is_taken(
    scene: Scene, minutes: int, with_operations: bool
) -> None:
    """As while the app is away, or crashes again and again: longer than a Lease lasts otherwise."""
    scene.environment.with_operations = with_operations
    first, second = await one_submitting(scene)
    stopped = scene.drivers.pop(first.job_id)
    await scene.run(minutes * MINUTE)
    await scene.drive(second)
    assert await overlapping(scene, 5 * MINUTE) == []
    scene.drivers[first.job_id] = stopped
    assert await overlapping(scene, 60 * MINUTE) == []
    assert scene.environment.holders == [first.elb_job_id, second.elb_job_id]
    await scene.run()
    assert (await scene.now(first)).phase is (await scene.now(second)).phase is Phase.COMPLETED


@pytest.fixture
async def adopted(untracked: Scene) -> Job:
    """A running search whose submission ended, but whose response was lost."""
    job = await untracked.accept()
    untracked.environment.next["sidecar"].append(CallFault.ANSWER_LOST)
    await untracked.drive(job)
    await untracked.run(3 * MINUTE)
    assert (await untracked.events(job, "submitted"))[0].payload["decision"] == "resumed"
    return job


async def test_failure_50_a_cancel_does_not_wait_for_a_submission_that_has_ended(
    scene: Scene, adopted: Job
) -> None:
    await scene.cancel(adopted)
    await scene.wake(adopted)
    await scene.run(2 * MINUTE)
    assert (await scene.now(adopted)).phase is Phase.CANCELLED


async def test_failure_50_a_failure_does_not_wait_for_a_submission_that_has_ended(
    scene: Scene, adopted: Job
) -> None:
    while has_running_batch(scene, adopted):
        await scene.environment.end_batch(adopted.elb_job_id, well=False)
    await scene.run(5 * MINUTE)
    assert (await scene.now(adopted)).phase is Phase.SEARCH_FAILED


@pytest.mark.acceptance
@pytest.mark.parametrize("minutes", [5, 10, 20])
async def test_failure_47_looks_that_fail_in_between_do_not_end_a_submission_that_runs(
    scene: Scene, minutes: int
) -> None:
    """Every second look gets no response, as from one of two servers behind one address."""
    scene.environment.batch_time = MINUTE
    scene.environment.usual = Plan(takes=minutes * MINUTE)
    job = await scene.accept()
    faults = [fault for _ in range(200) for fault in (None, CallFault.ANSWER_LOST)]
    scene.environment.next["sidecar"].extend([None, *faults])
    await scene.drive(job)
    await scene.run(timedelta(hours=2))
    assert (await scene.now(job)).phase is Phase.COMPLETED
