"""Submitting by a sidecar without operations: what it runs can be neither seen nor stopped."""

from datetime import timedelta

import pytest

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Verb
from shared.exec_results import Command, Refused
from tests.world.scene import Scene
from tests.world.things import Died, Plan, Trouble

MINUTE = timedelta(minutes=1)
LONG = Plan(takes=10 * MINUTE)


@pytest.fixture
def job(scene: Scene) -> Job:
    """A job whose config is written."""
    one = scene.accept()
    assert scene.do(Verb.PREPARE, one).next is Verb.SUBMIT
    return one


@pytest.fixture
def old(scene: Scene) -> Scene:
    scene.world.with_operations = False
    return scene


def test_failure_5_without_operations_no_second_try_begins_while_the_first_may_run(
    old: Scene, job: Job
) -> None:
    old.world.plans[job.elb_job_id].append(LONG)
    assert old.do(Verb.SUBMIT, job).phase is Phase.RETRYING  # the answer was waited for in vain
    for _ in range(5):
        report = old.do(Verb.SUBMIT, job)
        assert report.phase is Phase.SUBMITTING
        old.passes(30)
    assert len(old.world.processes) == 1
    old.passes(600)
    assert old.do(Verb.SUBMIT, job).phase is Phase.SUBMITTED
    assert len(old.world.processes) == 1


def test_failure_5_without_operations_a_process_that_died_leaves_word_of_its_try(
    old: Scene, job: Job
) -> None:
    old.world.plans[job.elb_job_id].append(LONG)
    old.world.next["sidecar"].append(Trouble.REFUSED)
    old.do(Verb.SUBMIT, job)
    old.world.next["store"].extend([Trouble.DIES_AFTER])
    with pytest.raises(Died):
        old.do(Verb.SUBMIT, job)
    assert old.now(job).unseen_until
    assert old.do(Verb.SUBMIT, job).phase is Phase.SUBMITTING
    assert not old.world.processes


def test_without_operations_a_try_that_was_not_begun_is_made_again_soon(
    old: Scene, job: Job
) -> None:
    def busy(operation_id: str, command: Command, wait: timedelta) -> Refused:
        return Refused(503, "exec server busy", None)

    before = old.sidecar.run_operation
    old.sidecar.run_operation = busy  # type: ignore[method-assign]
    assert old.do(Verb.SUBMIT, job).wait == timedelta(seconds=15)
    assert old.now(job).unseen_until is None
    old.sidecar.run_operation = before  # type: ignore[method-assign]
    assert old.do(Verb.SUBMIT, job).phase is Phase.SUBMITTED


def test_without_operations_a_cluster_that_is_away_leaves_the_slot_with_a_try_that_may_run(
    old: Scene, job: Job
) -> None:
    old.world.plans[job.elb_job_id].append(LONG)
    old.do(Verb.SUBMIT, job)
    old.world.next["cluster"].extend([Trouble.REFUSED])
    old.do(Verb.SUBMIT, job)
    assert old.world.lease and old.now(job).unseen_until
    assert len(old.world.processes) == 1


# What was written, although nobody heard so.


def test_failure_46_a_cluster_that_is_gone_proves_nothing_while_a_submission_may_run(
    old: Scene, job: Job
) -> None:
    """It can be neither seen nor stopped, and creates the cluster that it misses."""
    old.world.usual = Plan(takes=20 * MINUTE)
    old.do(Verb.SUBMIT, job)
    old.cancel(job)
    old.world.down.add("cluster")
    old.cluster.code = "cluster_not_found"
    for _ in range(3):
        old.do(Verb.CANCEL, job)
        old.passes(60)
    assert old.now(job).phase is Phase.CANCELLING
    old.passes(1700)
    old.do(Verb.CANCEL, job)
    assert old.now(job).phase is Phase.CANCELLED
