"""The attempts of one job, in a small world: none runs beside another, none leaves anything."""

from datetime import timedelta

from shared.contracts.activities import ActivityInput, ActivityName, Stage
from shared.contracts.job import Job, elb_id
from shared.contracts.states import Phase
from tests.simulation.scene import Scene


def second_attempt(scene: Scene, first: Job) -> Job:
    scene.jobs.update(first.job_id, "failed", phase=Phase.SEARCH_FAILED)
    return scene.jobs.start_attempt(first.job_id, 2, timedelta(hours=48))


def test_earlier_attempts_are_cleaned_up_before_the_next(scene: Scene) -> None:
    first = scene.submitted()
    scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = second_attempt(scene, first)
    assert again.elb_job_id == elb_id(first.job_id, 2)
    assert scene.do(ActivityName.PREPARE_SEARCH, again).next_stage is Stage.PREPARE
    assert "earlier attempt" in (scene.now(again).reason or "")
    assert not scene.environment.present(first.elb_job_id)
    scene.do(ActivityName.PREPARE_SEARCH, again)
    assert len(scene.events(again, "previous_attempt_cleanup")) == 1
    scene.passes(10)
    assert scene.do(ActivityName.PREPARE_SEARCH, again).next_stage is Stage.SUBMIT
    assert scene.do(ActivityName.SUBMIT_SEARCH, again).phase is Phase.SUBMITTED


def test_a_next_attempt_that_cannot_clear_the_earlier_one_says_why_it_waits(scene: Scene) -> None:
    first = scene.submitted()
    scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = second_attempt(scene, first)
    scene.environment.down.add("cluster")
    decision = scene.do(ActivityName.PREPARE_SEARCH, again)
    assert (decision.phase, decision.next_stage) == (Phase.RETRYING, Stage.PREPARE)
    assert "no answer came" in (scene.now(again).reason or "")


def test_r6_a_cancel_of_the_next_attempt_cleans_up_the_earlier_ones_too(scene: Scene) -> None:
    first = scene.submitted()
    scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = second_attempt(scene, first)
    scene.cancel(again)
    scene.do(ActivityName.PREPARE_SEARCH, again)
    for _ in range(3):
        scene.do(ActivityName.CLEAN_UP_SEARCH, again)
        scene.passes(10)
    assert scene.now(again).phase is Phase.CANCELLED
    assert not scene.environment.jobs


def test_an_activity_of_an_earlier_attempt_has_no_effect(scene: Scene) -> None:
    first = scene.submitted()
    scene.jobs.update(first.job_id, "cancelling", phase=Phase.CANCELLING)
    again = second_attempt(scene, first)
    assert (
        scene.perform(
            ActivityName.SUBMIT_SEARCH, ActivityInput(again.job_id, 9, attempt=1)
        ).next_stage
        is None
    )
    assert scene.now(again) == again
