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


def many(scene: Scene, owner: Caller, numbers: range) -> list[Job]:
    """Searches of one caller, each a second younger than the one before."""
    jobs = []
    for number in numbers:
        jobs.append(scene.accept(number, owner=owner))
        scene.drive(jobs[-1])
        scene.run(timedelta(seconds=1))
    return jobs


def waiting(scene: Scene, job: Job) -> Job:
    """The job, once it waits for the slot."""
    scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = scene.now(job)
    assert now.phase is Phase.WAITING_FOR_SUBMIT_SLOT
    return now


def test_failure_41_one_beside_many_of_another_caller_waits_a_turn_or_two(
    scene: Scene,
) -> None:
    many(scene, ALICE, range(1, 31))
    scene.run(3 * TURN)
    had_it = len(scene.environment.holders)
    (job,) = many(scene, BOB, range(31, 32))
    scene.run(3 * TURN)
    assert job.elb_job_id in scene.environment.holders[had_it : had_it + 2]


def test_failure_41_callers_take_turns_and_each_ones_searches_theirs_by_age(
    patient: Scene,
) -> None:
    scene = patient
    of_alice = many(scene, ALICE, range(1, 5))
    of_bob = many(scene, BOB, range(11, 14))
    of_carol = many(scene, CAROL, range(21, 23))
    scene.run(12 * TURN)
    assert not scene.environment.violations
    first, a, b, c = of_alice[0], iter(of_alice[1:]), iter(of_bob), iter(of_carol)
    around = [first, next(b), next(c), next(a), next(b), next(c), next(a), next(b), next(a)]
    assert scene.environment.holders == [job.elb_job_id for job in around]


@pytest.mark.parametrize("takes", [timedelta(seconds=2), TURN], ids=["short", "long"])
def test_a_slot_that_is_freed_is_not_idle(patient: Scene, takes: timedelta) -> None:
    scene = patient
    scene.environment.usual = Plan(takes=takes)
    began = scene.clock()
    scene.cluster.acquire_submit_lease("another-program")
    many(scene, ALICE, range(1, 8))
    scene.cluster.release_submit_lease("another-program")
    many(scene, ALICE, range(8, 9))
    scene.run(timedelta(hours=1))
    started = sorted(process.began - began for process in scene.environment.processes)
    gaps = [later - earlier - takes for earlier, later in pairwise(started)]
    assert len(gaps) == 7
    assert max(gaps) < timedelta(seconds=6), "a submission is looked at every 5 s"


def test_a_slot_that_is_freed_while_one_gets_into_line_is_not_missed(
    patient: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job that released the slot found no waiting job to wake."""
    scene, update = patient, patient.jobs.update
    scene.cluster.acquire_submit_lease("another-program")

    def update_late(job_id: str, event: str, *more: Any, **changes: Any) -> Job:
        if event == "waiting_for_submit_slot":
            scene.cluster.release_submit_lease("another-program")
        return update(job_id, event, *more, **changes)

    monkeypatch.setattr(scene.jobs, "update", update_late)
    (job,) = many(scene, ALICE, range(1, 2))
    scene.run(5 * TURN)
    assert scene.now(job).phase is Phase.COMPLETED


def test_a_job_that_was_not_woken_polls_by_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(job: Job) -> None:
        raise Unavailable("not_started", "Durable Functions does not answer")

    monkeypatch.setattr(scene, "wake", away)
    jobs = many(scene, ALICE, range(1, 5))
    scene.run(timedelta(hours=1))
    assert [scene.now(job).phase for job in jobs] == [Phase.COMPLETED] * 4
    assert not scene.environment.violations


def test_a_slot_left_by_another_program_goes_to_the_first_in_the_queue(
    scene: Scene,
) -> None:
    scene.cluster.acquire_submit_lease("another-program")
    first = waiting(scene, scene.accept(1))
    scene.cluster.release_submit_lease("another-program")
    scene.passes(1)
    late = scene.accept(2)
    scene.do(ActivityName.PREPARE_SEARCH, late)
    scene.do(ActivityName.SUBMIT_SEARCH, late)
    assert scene.now(late).phase is Phase.WAITING_FOR_SUBMIT_SLOT
    assert scene.woken == [first.job_id]


def test_a_job_with_a_cancel_request_is_not_woken_and_blocks_no_other(scene: Scene) -> None:
    """It would not take the slot, which others then found free only by themselves."""
    assert scene.cluster.acquire_submit_lease("another-program").is_held
    doomed, next_one = waiting(scene, scene.accept(1)), waiting(scene, scene.accept(2))
    scene.cancel(doomed)
    scene.cluster.release_submit_lease("another-program")
    scene.do(ActivityName.SUBMIT_SEARCH, next_one)
    assert scene.woken == []
    assert scene.environment.holders == ["another-program", next_one.elb_job_id]


def test_a_queue_entry_left_by_a_crash_blocks_no_job(scene: Scene) -> None:
    scene.cluster.acquire_submit_lease("another-program")
    gone, job = waiting(scene, scene.accept(1)), scene.accept(2)
    scene.cancel(gone)
    scene.do(ActivityName.CLEAN_UP_SEARCH, gone)
    scene.do(ActivityName.CLEAN_UP_SEARCH, gone)
    assert scene.now(gone).phase is Phase.CANCELLED
    scene.jobs.index.submit_queue.sync(gone, None)  # as one writes who was held up before it
    scene.cluster.release_submit_lease("another-program")
    scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.holders == ["another-program", job.elb_job_id]
    assert scene.jobs.index.submit_queue.first_ahead(scene.accept(3)) is None


def test_who_has_the_slot_keeps_it_though_an_older_search_of_its_caller_waits(
    scene: Scene,
) -> None:
    """What became of its submission is not known: another must not begin beside it."""
    old, job = scene.accept(1), scene.accept(2)
    scene.do(ActivityName.PREPARE_SEARCH, job)
    scene.environment.next["sidecar"].append(CallFault.ANSWER_LOST)
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.now(job).phase is Phase.RETRYING
    waiting(scene, old)
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.holders == [job.elb_job_id]
    assert scene.environment.lease is not None
    scene.passes(TURN.total_seconds())
    scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.now(job).phase is Phase.SUBMITTED
    assert scene.woken == [old.job_id]
    assert not scene.environment.violations


@pytest.mark.parametrize("leaves", [ActivityName.CLEAN_UP_SEARCH, ActivityName.SUBMIT_SEARCH])
def test_a_job_that_no_longer_waits_has_no_queue_entry(scene: Scene, leaves: ActivityName) -> None:
    scene.cluster.acquire_submit_lease("another-program")
    job = waiting(scene, scene.accept(1))
    younger = scene.accept(2)
    assert scene.jobs.index.submit_queue.first_ahead(younger) is not None
    scene.cluster.release_submit_lease("another-program")
    if leaves is ActivityName.CLEAN_UP_SEARCH:
        scene.cancel(job)
    scene.do(leaves, job)
    assert scene.jobs.index.submit_queue.first_ahead(younger) is None
