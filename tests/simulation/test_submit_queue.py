"""The submit queue: callers take turns, and the next job is woken."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from shared.contracts.activities import ActivityName, Category
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs.rows import JOB
from shared.settings import Settings
from tests.simulation.models import CallFault, Plan
from tests.simulation.scene import Scene, Store
from tests.support.retries import retry_settings
from tests.support.samples import ALICE, BOB, ENVIRONMENT

TURN = timedelta(minutes=1)
ONE_DAY = retry_settings(
    Category.CONFLICT, Category.SUBMIT_SLOT, first="1d", factor="1", longest="1d"
)
CAROL = Caller(oid="carol-oid", tenant_id="tenant", upn="carol@example.org")


@pytest.fixture
def scene(scene: Scene) -> Scene:
    return slow(scene)


@pytest.fixture
def patient(store: Store) -> Scene:
    """A scene in which a waiting job waits until it is woken."""
    return slow(Scene(replace(store, settings=Settings.read(ENVIRONMENT | ONE_DAY))))


def slow(scene: Scene) -> Scene:
    """The same, where a submission takes a turn of a minute."""
    scene.environment.usual = Plan(takes=TURN)
    scene.environment.batch_time = TURN
    return scene


async def many(scene: Scene, owner: Caller, numbers: range) -> list[Job]:
    """Searches of one caller, each a second younger than the one before."""
    jobs = []
    for number in numbers:
        jobs.append(await scene.accept(number, owner=owner))
        await scene.drive(jobs[-1])
        await scene.run(timedelta(seconds=1))
    return jobs


async def waiting(scene: Scene, job: Job) -> Job:
    """The job, once it waits for the slot."""
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert now.phase is Phase.WAITING_FOR_SUBMIT_SLOT
    return now


@pytest.mark.acceptance
async def test_failure_41_one_beside_many_of_another_caller_waits_a_turn_or_two(
    scene: Scene,
) -> None:
    await many(scene, ALICE, range(1, 31))
    await scene.run(3 * TURN)
    had_it = len(scene.environment.holders)
    (job,) = await many(scene, BOB, range(31, 32))
    await scene.run(3 * TURN)
    assert job.elb_job_id in scene.environment.holders[had_it : had_it + 2]


@pytest.mark.acceptance
async def test_failure_41_callers_take_turns_and_each_ones_searches_theirs_by_age(
    patient: Scene,
) -> None:
    scene = patient
    of_alice = await many(scene, ALICE, range(1, 5))
    of_bob = await many(scene, BOB, range(11, 14))
    of_carol = await many(scene, CAROL, range(21, 23))
    await scene.run(12 * TURN)
    assert not scene.environment.violations
    first, a, b, c = of_alice[0], iter(of_alice[1:]), iter(of_bob), iter(of_carol)
    around = [first, next(b), next(c), next(a), next(b), next(c), next(a), next(b), next(a)]
    assert scene.environment.holders == [job.elb_job_id for job in around]


@pytest.mark.acceptance
@pytest.mark.parametrize("takes", [timedelta(seconds=2), TURN], ids=["short", "long"])
async def test_a_slot_that_is_freed_is_not_idle(patient: Scene, takes: timedelta) -> None:
    scene = patient
    scene.environment.usual = Plan(takes=takes)
    began = scene.clock()
    await scene.cluster.acquire_submit_lease("another-program")
    await many(scene, ALICE, range(1, 8))
    await scene.cluster.release_submit_lease("another-program")
    await many(scene, ALICE, range(8, 9))
    await scene.run(timedelta(hours=1))
    started = sorted(process.began - began for process in scene.environment.processes)
    gaps = [later - earlier - takes for earlier, later in pairwise(started)]
    assert len(gaps) == 7
    assert max(gaps) < timedelta(seconds=6), "a submission is looked at every 5 s"


async def test_a_slot_that_is_freed_while_one_gets_into_line_is_not_missed(
    patient: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that released the slot found no waiting job to wake."""
    scene, update = patient, patient.jobs.update
    await scene.cluster.acquire_submit_lease("another-program")

    async def update_late(job_id: str, event: str, *more: Any, **changes: Any) -> Job:
        if event == "waiting_for_submit_slot":
            await scene.cluster.release_submit_lease("another-program")
        return await update(job_id, event, *more, **changes)

    monkeypatch.setattr(scene.jobs, "update", update_late)
    (job,) = await many(scene, ALICE, range(1, 2))
    await scene.run(5 * TURN)
    assert (await scene.now(job)).phase is Phase.COMPLETED


async def test_a_job_that_was_not_woken_polls_by_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(job: Job) -> None:
        raise Unavailable("not_started", "Durable Functions does not answer")

    monkeypatch.setattr(scene, "wake", away)
    jobs = await many(scene, ALICE, range(1, 5))
    await scene.run(timedelta(hours=1))
    assert [(await scene.now(job)).phase for job in jobs] == [Phase.COMPLETED] * 4
    assert not scene.environment.violations


async def test_a_slot_left_by_another_program_goes_to_the_first_in_the_queue(
    scene: Scene,
) -> None:
    await scene.cluster.acquire_submit_lease("another-program")
    first = await waiting(scene, await scene.accept(1))
    await scene.cluster.release_submit_lease("another-program")
    await scene.passes(1)
    late = await scene.accept(2)
    await scene.do(ActivityName.PREPARE_SEARCH, late)
    await scene.do(ActivityName.SUBMIT_SEARCH, late)
    assert (await scene.now(late)).phase is Phase.WAITING_FOR_SUBMIT_SLOT
    assert scene.woken == [first.job_id]


async def test_a_job_with_a_cancel_request_is_not_woken_and_blocks_no_other(scene: Scene) -> None:
    """It would not take the slot, which others then found free only by themselves."""
    assert (await scene.cluster.acquire_submit_lease("another-program")).is_held
    doomed, next_one = (
        await waiting(scene, await scene.accept(1)),
        await waiting(scene, await scene.accept(2)),
    )
    await scene.cancel(doomed)
    await scene.cluster.release_submit_lease("another-program")
    await scene.do(ActivityName.SUBMIT_SEARCH, next_one)
    assert scene.woken == []
    assert scene.environment.holders == ["another-program", next_one.elb_job_id]


async def test_a_queue_entry_left_by_a_crash_blocks_no_job(scene: Scene) -> None:
    await scene.cluster.acquire_submit_lease("another-program")
    gone, job = await waiting(scene, await scene.accept(1)), await scene.accept(2)
    await scene.cancel(gone)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, gone)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, gone)
    assert (await scene.now(gone)).phase is Phase.CANCELLED
    await scene.jobs.index.submit_queue.sync(gone, None)  # as one writes who was held up before it
    await scene.cluster.release_submit_lease("another-program")
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.holders == ["another-program", job.elb_job_id]
    assert await scene.jobs.index.submit_queue.first_ahead(await scene.accept(3)) is None


async def test_who_has_the_slot_keeps_it_though_an_older_search_of_its_caller_waits(
    scene: Scene,
) -> None:
    """What became of its submission is not known: another must not begin beside it."""
    old, job = await scene.accept(1), await scene.accept(2)
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.environment.next["sidecar"].append(CallFault.ANSWER_LOST)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).phase is Phase.RETRYING
    await waiting(scene, old)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.holders == [job.elb_job_id]
    assert scene.environment.lease is not None
    await scene.passes(TURN.total_seconds())
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).phase is Phase.SUBMITTED
    assert scene.woken == [old.job_id]
    assert not scene.environment.violations


@pytest.mark.parametrize("leaves", [ActivityName.CLEAN_UP_SEARCH, ActivityName.SUBMIT_SEARCH])
async def test_a_job_that_no_longer_waits_has_no_queue_entry(
    scene: Scene, leaves: ActivityName
) -> None:
    await scene.cluster.acquire_submit_lease("another-program")
    job = await waiting(scene, await scene.accept(1))
    younger = await scene.accept(2)
    assert await scene.jobs.index.submit_queue.first_ahead(younger) is not None
    await scene.cluster.release_submit_lease("another-program")
    if leaves is ActivityName.CLEAN_UP_SEARCH:
        await scene.cancel(job)
    await scene.do(leaves, job)
    assert await scene.jobs.index.submit_queue.first_ahead(younger) is None


async def test_failure_42_an_older_search_that_cannot_be_read_ends_no_other(scene: Scene) -> None:
    """A newer version has moved it: the slot itself keeps submissions apart."""
    await scene.cluster.acquire_submit_lease("another-program")
    older = await waiting(scene, await scene.accept(1))
    await scene.cluster.release_submit_lease("another-program")
    jobs_table = scene.store.tables[0]
    row = await jobs_table.get(older.job_id, JOB)
    assert row is not None
    await jobs_table.upsert({**row.columns, "stage": "verify"})
    job = await scene.accept(2)
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.holders == ["another-program", job.elb_job_id]
    assert await scene.jobs.index.submit_queue.first_ahead(job) is not None, "it may still wait"
