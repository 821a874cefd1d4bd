"""Submitting, in a small world: once, whatever the sidecar and the cluster answer."""

from datetime import timedelta

import pytest

from shared.clients.kubernetes import DURATION
from shared.contracts.activities import ActivityInput, ActivityName, Category, Stage
from shared.contracts.exec import HttpRejection
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from tests.simulation.models import CallFault, Lease, Plan, ProcessDied, accepted, trouble
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)
LONG = Plan(takes=10 * MINUTE)


@pytest.fixture
async def job(scene: Scene) -> Job:
    """A job whose config is written."""
    accepted = await scene.accept()
    assert (await scene.do(ActivityName.PREPARE_SEARCH, accepted)).next_stage is Stage.SUBMIT
    return accepted


def hold_slot(scene: Scene, holder: str = "job-of-another") -> None:
    scene.environment.lease = Lease(holder, scene.clock(), scene.clock(), DURATION)


async def test_failure_9_a_job_waits_for_the_slot_and_says_so_once(scene: Scene, job: Job) -> None:
    hold_slot(scene)
    waits = []
    for _ in range(4):
        decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
        waits.append(decision.delay.total_seconds())
        await scene.passes(waits[-1])
    assert (decision.phase, decision.next_stage) == (
        Phase.WAITING_FOR_SUBMIT_SLOT,
        Stage.SUBMIT,
    )
    assert waits == sorted(waits)
    assert waits[:2] == [0, 30], "one more try at once: the slot may just have been released"
    assert len(await scene.events(job, "waiting_for_submit_slot")) == 1
    assert "one at a time" in ((await scene.now(job)).reason or "")
    assert not scene.environment.processes


async def test_failure_9_a_slot_whose_holder_has_died_is_taken_over(scene: Scene, job: Job) -> None:
    hold_slot(scene)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.passes(961)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


async def test_failure_9_waiting_for_the_slot_uses_up_no_tries(scene: Scene, job: Job) -> None:
    hold_slot(scene)
    for _ in range(3):
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).retry_counts == {}


@pytest.mark.parametrize(
    "says",
    [accepted(), trouble("transient"), trouble("capacity"), trouble("invalid"), trouble("auth")],
)
async def test_failure_9_the_slot_is_free_after_every_answer(
    scene: Scene, job: Job, says: str
) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(says=says if "error" in says else ""))
    decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
    if decision.next_stage is Stage.CLEAN_UP:
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert scene.environment.holders == [job.elb_job_id]
    assert scene.environment.lease is None


async def test_failure_9_the_slot_of_a_process_that_died_is_had_again(
    scene: Scene, job: Job
) -> None:
    scene.environment.next["sidecar"].extend([CallFault.DIES_BEFORE])
    scene.environment.next["cluster"].extend([CallFault.DIES_AFTER])
    for _ in range(2):
        with pytest.raises(ProcessDied):
            await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.lease and scene.environment.lease.holder == job.elb_job_id
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert scene.environment.lease is None


@pytest.mark.parametrize("away", ["look", "put"])
async def test_failure_9_the_slot_is_kept_while_a_submission_may_be_running(
    scene: Scene, job: Job, away: str
) -> None:
    scene.environment.plans[job.elb_job_id].append(LONG)
    if away == "look":
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTING
        scene.environment.down.add("sidecar")
    else:
        scene.environment.next["sidecar"].append(CallFault.ANSWER_LOST)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    assert scene.environment.lease and scene.environment.lease.holder == job.elb_job_id


async def test_failure_9_a_slot_that_cannot_be_freed_is_freed_before_the_search_goes_on(
    scene: Scene, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else everybody would wait for it to expire."""
    troubles, free = iter([True]), scene.cluster.release_submit_lease

    async def free_slot(holder: str) -> None:
        if next(troubles, False):
            raise Unavailable("cluster_unavailable", "reset")
        await free(holder)

    monkeypatch.setattr(scene.cluster, "release_submit_lease", free_slot)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert scene.environment.lease is None
    assert len(scene.environment.processes) == 1


async def test_failure_3_a_process_that_dies_behind_its_submission_adopts_it(
    scene: Scene, job: Job
) -> None:
    scene.environment.next["store"].extend([None, CallFault.DIES_BEFORE])
    with pytest.raises(ProcessDied):
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert len(scene.environment.processes) == 1


async def test_failure_3_jobs_that_are_whole_are_adopted_without_the_sidecars_memory(
    scene: Scene, job: Job
) -> None:
    scene.environment.next["store"].extend([None, CallFault.DIES_BEFORE])
    with pytest.raises(ProcessDied):
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    scene.environment.lose_state()
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.events(job, "submitted"))[0].payload["decision"] == "resumed"
    assert len(scene.environment.processes) == 1


async def test_failure_3_a_submission_that_was_cut_off_is_made_again(
    scene: Scene, job: Job
) -> None:
    scene.environment.plans[job.elb_job_id].append(LONG)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.passes(330)
    assert [cluster_job.app for cluster_job in await scene.cluster.jobs_of(job.elb_job_id)] == [
        "setup",
        "blast",
    ]
    await scene.sidecar.restart()
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    assert (await scene.now(job)).error_code == "interrupted"
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert (await scene.now(job)).ended_submit_operations == 2
    assert not scene.environment.violations


async def test_failure_3_a_search_that_runs_is_kept_although_its_sidecar_stays_away(
    scene: Scene, job: Job
) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(takes=MINUTE))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.passes(60)
    scene.environment.down.add("sidecar")
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


async def test_r3_a_look_that_fails_does_not_mean_that_nothing_is_there(
    scene: Scene, job: Job
) -> None:
    scene.environment.down.add("cluster")
    decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (decision.phase, decision.next_stage) == (Phase.RETRYING, Stage.SUBMIT)
    (event,) = await scene.events(job, "retry_scheduled")
    assert event.payload["category"] == "transient"
    assert event.payload["retry_after_seconds"] == decision.delay.total_seconds() == 15
    assert event.payload["error_code"] == "cluster_unavailable"
    assert not scene.environment.processes


async def test_r4_a_phase_that_goes_well_clears_the_error(scene: Scene, job: Job) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(says=trouble("transient", "status 429")))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).error_code == "transient"
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert (now.phase, now.error_code, now.error, now.reason) == (Phase.SUBMITTED, None, None, None)


async def test_failure_10_a_cluster_without_room_is_waited_for_for_hours(
    scene: Scene, job: Job
) -> None:
    scene.environment.usual = Plan(says=trouble("capacity"))
    await scene.jobs.update(job.job_id, "hours_later", retry_counts={Category.CAPACITY: 30})
    decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (decision.phase, decision.delay) == (Phase.WAITING_FOR_CAPACITY, 15 * MINUTE)
    assert (await scene.now(job)).retry_counts == {Category.CAPACITY: 31}


async def test_failure_10_hours_without_room_outlast_scattered_trouble_of_other_kinds(
    scene: Scene, job: Job
) -> None:
    """Twelve times the sidecar is busy in between; eight in a row would be the last."""
    for _ in range(12):
        scene.environment.plans[job.elb_job_id].append(Plan(says=trouble("capacity")))
        scene.sidecar.refusals = [HttpRejection(503, "busy", None)]
        await scene.passes((await scene.do(ActivityName.SUBMIT_SEARCH, job)).delay.total_seconds())
        decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
        await scene.passes(decision.delay.total_seconds())
        assert decision.phase is Phase.WAITING_FOR_CAPACITY
    assert (await scene.now(job)).retry_counts == {Category.CAPACITY: 12}


async def test_failure_9_a_search_that_waits_for_the_slot_has_its_tries_again(
    scene: Scene, job: Job
) -> None:
    scene.sidecar.refusals = [HttpRejection(503, "busy", None)]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    hold_slot(scene)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).retry_counts == {}


async def test_failure_7_tries_come_to_an_end(scene: Scene, job: Job) -> None:
    scene.environment.usual = Plan(says=trouble("transient"))
    await scene.jobs.update(job.job_id, "minutes_later", retry_counts={Category.TRANSIENT: 6})
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.SUBMIT_FAILED


async def test_r11_a_cluster_that_could_not_be_created_is_gone_once_our_own_look_says_so(
    scene: Scene, job: Job
) -> None:
    says = trouble("transient", "Failed to create AKS cluster c: status 403")
    scene.environment.plans[job.elb_job_id].append(Plan(says=says, exit_code=8))
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    scene.environment.down.add("cluster")
    assert (
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    ).next_stage is Stage.SUBMIT  # it does not answer: no proof
    await scene.jobs.update(job.job_id, "as_before", error_code="cluster_unreadable")
    scene.cluster.code = "cluster_not_found"
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP
    assert (await scene.now(job)).error_code == "cluster_not_found"


async def test_r11_jobs_left_by_a_failed_submission_are_deleted(scene: Scene, job: Job) -> None:
    plan = Plan(says="Traceback (most recent call last): ...", exit_code=1, leaves=True)
    scene.environment.plans[job.elb_job_id].append(plan)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.CANCELLING
    await scene.passes(10)
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.CONFIG_INVALID
    assert not scene.environment.jobs


# A sidecar without operations.


async def test_failure_15_a_write_whose_answer_was_lost_is_found(scene: Scene, job: Job) -> None:
    scene.environment.next["store"].extend([None, CallFault.ANSWER_LOST])
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.WATCH
    assert len(await scene.events(job, "submitted")) == 1


async def test_failure_15_a_write_after_which_the_process_died_is_not_made_twice(
    scene: Scene, job: Job
) -> None:
    step = (await scene.now(job)).step
    # The transition is in the store; the index behind it is not.
    scene.environment.next["store"].extend([None, CallFault.DIES_AFTER])
    with pytest.raises(ProcessDied):
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).step == step + 1
    input_ = ActivityInput(job.job_id, step + 1, attempt=1)
    assert (await scene.perform(ActivityName.SUBMIT_SEARCH, input_)).next_stage is Stage.WATCH
    assert len(await scene.events(job, "submitted")) == 1
