"""Submissions whose answers prove nothing: exec servers without operations, other sidecars."""

from datetime import timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import DURATION, LeaseState
from shared.contracts.activities import ActivityName, Stage
from shared.contracts.exec import Health, HttpRejection, Result
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.models import CallFault, Plan, ProcessDied, trouble
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)
LONG = Plan(takes=10 * MINUTE)


@pytest.fixture
async def job(scene: Scene) -> Job:
    """A job whose config is written."""
    one = await scene.accept()
    assert (await scene.do(ActivityName.PREPARE_SEARCH, one)).next_stage is Stage.SUBMIT
    return one


@pytest.fixture
def old(scene: Scene) -> Scene:
    scene.environment.with_operations = False
    return scene


async def test_failure_5_without_operations_no_second_try_begins_while_the_first_may_run(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(LONG)
    assert (
        await old.do(ActivityName.SUBMIT_SEARCH, job)
    ).phase is Phase.RETRYING  # the answer did not come
    for _ in range(5):
        decision = await old.do(ActivityName.SUBMIT_SEARCH, job)
        assert decision.phase is Phase.SUBMITTING
        await old.passes(30)
    assert len(old.environment.processes) == 1
    await old.passes(600)
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert len(old.environment.processes) == 1


async def test_failure_5_without_operations_a_process_that_died_leaves_word_of_its_try(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(LONG)
    old.environment.next["store"].extend([CallFault.DIES_AFTER])
    with pytest.raises(ProcessDied):
        await old.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await old.now(job)).untracked_submission_until
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTING
    assert not old.environment.processes


async def test_without_operations_a_try_that_was_not_begun_is_made_again_soon(
    old: Scene, job: Job
) -> None:
    old.sidecar.refusals = [HttpRejection(503, "exec server busy", None)]
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).delay == timedelta(seconds=15)
    assert (await old.now(job)).untracked_submission_until is None
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


async def test_without_operations_a_cluster_that_is_away_leaves_the_slot_with_a_try_that_may_run(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(LONG)
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    old.environment.next["cluster"].extend([CallFault.REFUSED])
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    assert old.environment.lease and (await old.now(job)).untracked_submission_until
    assert len(old.environment.processes) == 1


# Writes whose answer was lost.


async def test_failure_46_a_cluster_that_is_gone_proves_nothing_while_a_submission_may_run(
    old: Scene, job: Job
) -> None:
    """It can be neither seen nor stopped, and creates the cluster that it misses."""
    old.environment.usual = Plan(takes=20 * MINUTE)
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    await old.cancel(job)
    old.environment.down.add("cluster")
    old.cluster.code = "cluster_not_found"
    for _ in range(3):
        await old.do(ActivityName.CLEAN_UP_SEARCH, job)
        await old.passes(60)
    assert (await old.now(job)).phase is Phase.CANCELLING
    await old.passes(1700)
    await old.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert (await old.now(job)).phase is Phase.CANCELLED


async def cancelled_after(scene: Scene, job: Job) -> timedelta:
    """How long a cancel takes from now on."""
    began = scene.clock()
    await scene.cancel(job)
    while not (await scene.now(job)).phase.is_end:
        await scene.passes(
            (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).delay.total_seconds()
        )
    assert (await scene.now(job)).phase is Phase.CANCELLED
    return scene.clock() - began


async def test_failure_46_a_cancel_does_not_take_another_servers_404_for_a_proof(
    old: Scene, job: Job
) -> None:
    """elastic-blast runs on there for ten minutes, and would make Jobs after the cancel."""
    old.environment.plans[job.elb_job_id].append(LONG)
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    took = await cancelled_after(old, job)
    assert 20 * MINUTE < took < 27 * MINUTE
    assert not any(one.runs for one in old.environment.processes)
    assert old.environment.with_pods(job.elb_job_id) == []


async def test_failure_46_a_cancel_ends_at_once_where_the_exec_server_has_answered(
    old: Scene, job: Job
) -> None:
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert await cancelled_after(old, job) < MINUTE


async def test_failure_50_a_failed_submission_to_an_exec_server_is_cleaned_up_at_once(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(
        Plan(says=trouble("invalid"), exit_code=1, leaves=True)
    )
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP
    began = old.clock()
    while not (await old.now(job)).phase.is_end:
        await old.passes((await old.do(ActivityName.CLEAN_UP_SEARCH, job)).delay.total_seconds())
    assert (await old.now(job)).phase is Phase.CONFIG_INVALID
    assert old.clock() - began < MINUTE
    assert old.environment.lease is None, "the next search can be submitted"


async def test_failure_46_after_its_time_jobs_and_markers_decide_and_another_operation_begins(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(Plan(takes=120 * MINUTE))
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    await old.passes(26 * 60)
    assert (await old.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert [one.result is not None for one in old.environment.processes] == [True, True]
    assert (await old.now(job)).ended_submit_operations == 2
    assert not old.environment.violations


async def test_failure_46_a_sidecar_that_lost_its_operations_is_given_the_search_by_exec(
    scene: Scene, job: Job
) -> None:
    """It reported operations, and was rolled back before it received one."""
    real, health = scene.sidecar.run_operation, await scene.sidecar.health()

    async def rolled_back(*words: Any) -> Result:
        scene.environment.with_operations = False
        return await real(*words)

    assert isinstance(health, Health) and health.operations
    scene.sidecar.run_operation = rolled_back  # type: ignore[method-assign,assignment]
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert len(scene.environment.processes) == 1


async def test_failure_46_what_was_given_by_exec_is_not_absent_because_a_new_sidecar_never_saw_it(
    old: Scene, job: Job
) -> None:
    old.environment.plans[job.elb_job_id].append(LONG)
    await old.do(ActivityName.SUBMIT_SEARCH, job)
    old.environment.with_operations = True
    decision = await old.do(ActivityName.SUBMIT_SEARCH, job)
    assert (decision.phase, decision.next_stage) == (Phase.SUBMITTING, Stage.SUBMIT)
    assert "whose state is unknown may run until" in ((await old.now(job)).reason or "")
    assert len(old.environment.processes) == 1


# Several sidecars behind one address.


async def test_failure_47_two_sidecars_behind_one_address_start_one_submission(
    scene: Scene, job: Job
) -> None:
    scene.environment.add_sidecar()
    scene.environment.plans[job.elb_job_id].append(LONG)
    scene.environment.routes.extend([0, 1])  # it is asked here, and given the search there
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    now = await scene.now(job)
    assert (now.error_code, now.untracked_submission_until) == ("sidecar_412", None)
    assert not scene.environment.processes
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTING
    for meets in (1, 0, 1, 1, 0):
        scene.environment.routes.append(meets)
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTING
    assert len(scene.environment.processes) == 1


async def test_failure_47_another_sidecars_404_does_not_prove_that_a_cancelled_search_has_ended(
    scene: Scene, job: Job
) -> None:
    scene.environment.add_sidecar()
    scene.environment.plans[job.elb_job_id].append(LONG)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.cancel(job)
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    scene.environment.routes.append(1)
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.CANCELLING
    assert "cannot be stopped before" in ((await scene.now(job)).reason or "")
    await scene.passes(5)
    assert (
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    ).phase is Phase.CANCELLED  # the one that runs it was met
    assert not any(one.runs for one in scene.environment.processes)


async def test_failure_47_a_sidecar_that_lost_its_state_starts_nothing_while_the_first_may_run(
    scene: Scene, job: Job
) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(takes=120 * MINUTE))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    scene.environment.lose_state()
    for _ in range(24):
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
        await scene.passes(60)
    assert len(scene.environment.processes) == 1
    await scene.passes(120)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert not scene.environment.violations


async def test_failure_47_a_search_that_landed_before_the_state_was_lost_is_adopted(
    scene: Scene, job: Job
) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(takes=MINUTE))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    scene.environment.lose_state()
    await scene.passes(60)
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert (await scene.events(job, "submitted"))[0].payload["decision"] == "resumed"


async def test_failure_47_a_cancel_while_it_is_given_away_starts_nothing(
    scene: Scene, job: Job
) -> None:
    before = scene.cluster.acquire_submit_lease

    async def cancelled_meanwhile(holder: str, lasting: timedelta = DURATION) -> LeaseState:
        await scene.cancel(job)
        return await before(holder, lasting)

    scene.cluster.acquire_submit_lease = cancelled_meanwhile  # type: ignore[method-assign]
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    assert not scene.environment.processes
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP


async def test_failure_47_another_run_of_the_same_step_starts_nothing(
    scene: Scene, job: Job
) -> None:
    """Durable Functions may run a step again while its first run is not dead, only slow."""
    scene.environment.plans[job.elb_job_id].append(LONG)
    before = scene.cluster.acquire_submit_lease

    async def slow(holder: str, lasting: timedelta = DURATION) -> LeaseState:
        scene.cluster.acquire_submit_lease = before  # type: ignore[method-assign]
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTING
        return await before(holder, lasting)

    scene.cluster.acquire_submit_lease = slow  # type: ignore[method-assign]
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    now = await scene.now(job)
    assert (len(scene.environment.processes), now.sidecar_instance) == (1, "instance-1")
    assert now.untracked_submission_until is not None
