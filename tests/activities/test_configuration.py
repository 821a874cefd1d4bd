"""A sidecar that refuses the app's token, and what needs no sidecar at all (failures 48, 50)."""

from datetime import timedelta

import pytest

from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityName, Category, Stage
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import AccessRefused
from tests.simulation.models import Plan, accepted, trouble
from tests.simulation.scene import Scene

MINUTE = timedelta(minutes=1)
LONG = Plan(takes=10 * MINUTE)


@pytest.fixture
async def job(scene: Scene) -> Job:
    """A job whose config is written."""
    one = await scene.accept()
    assert (await scene.do(ActivityName.PREPARE_SEARCH, one)).next_stage is Stage.SUBMIT
    return one


async def test_failure_48_a_wrong_token_holds_a_search_that_runs_and_ends_nothing(
    scene: Scene, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    scene.environment.plans[job.elb_job_id].append(Plan(takes=360 * MINUTE))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    scene.environment.token_is_wrong = True
    for _ in range(12):  # more than any other category has tries
        decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
        assert (decision.phase, decision.next_stage) == (Phase.RETRYING, Stage.SUBMIT)
        until = (await scene.now(job)).untracked_submission_until
        if until and scene.clock() < until:
            assert scene.environment.lease is not None, "the submission may be running"
    assert decision.delay == 15 * MINUTE
    assert "an operator must act: sidecar_401" in ((await scene.now(job)).reason or "")
    assert "configuration_refused" in caplog.text
    scene.environment.token_is_wrong = False
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    assert (await scene.now(job)).error_code == "exit_124", "the sidecar ended it at its timeout"
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert (len(scene.environment.processes), scene.environment.violations) == (2, [])


async def test_failure_48_a_wrong_token_leaves_the_slot_to_others_while_nothing_began(
    scene: Scene, job: Job
) -> None:
    scene.environment.token_is_wrong = True
    decision = await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (decision.phase, decision.delay) == (Phase.RETRYING, MINUTE)
    assert scene.environment.lease is None
    assert (await scene.now(job)).untracked_submission_until is None
    scene.environment.token_is_wrong = False
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


async def test_failure_48_a_cluster_that_refuses_the_app_holds_a_search(
    scene: Scene, job: Job
) -> None:
    scene.environment.down.add("cluster")
    scene.cluster.code = "cluster_refused"
    for _ in range(12):
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    assert (await scene.now(job)).retry_counts == {Category.CONFIGURATION: 12}
    scene.environment.down.clear()
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


async def test_failure_48_a_store_that_refuses_the_app_holds_a_search(
    scene: Scene, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: Blobs, url: str) -> None:
        raise AccessRefused("storage_unavailable", "Blob cannot be used")

    with monkeypatch.context() as patch:
        patch.setattr(Blobs, "get", refuses)
        for _ in range(12):
            assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.SUBMIT
    assert (await scene.now(job)).retry_counts == {Category.CONFIGURATION: 12}
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED


@pytest.mark.parametrize(
    "says", [accepted(), trouble("transient"), trouble("capacity"), trouble("invalid")]
)
@pytest.mark.parametrize("operations", [True, False])
async def test_failure_50_a_result_ends_the_time_in_which_the_submission_may_run(
    scene: Scene, job: Job, says: str, operations: bool
) -> None:
    scene.environment.with_operations = operations
    scene.environment.plans[job.elb_job_id].append(Plan(says=says if "error" in says else ""))
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert (now.untracked_submission_until, now.sidecar_instance, now.ended_submit_operations) == (
        None,
        None,
        1,
    )


@pytest.mark.parametrize("away", ["down", "token"])
async def test_failure_50_a_search_whose_submission_has_ended_needs_no_sidecar_to_be_cancelled(
    scene: Scene, away: str
) -> None:
    job = await scene.submitted()
    await scene.cancel(job)
    take_sidecar_away(scene, away)
    for _ in range(4):
        await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
        await scene.passes(10)
    assert (await scene.now(job)).phase is Phase.CANCELLED
    assert scene.environment.with_pods(job.elb_job_id) == []


@pytest.mark.parametrize("away", ["down", "token"])
async def test_failure_48_a_search_that_never_began_needs_no_sidecar_to_be_cancelled(
    scene: Scene, away: str
) -> None:
    job = await scene.accept()
    await scene.do(ActivityName.PREPARE_SEARCH, job)
    take_sidecar_away(scene, away)
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    await scene.cancel(job)
    assert [(await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase for _ in range(2)][
        1
    ] is Phase.CANCELLED
    assert not scene.environment.processes


def take_sidecar_away(scene: Scene, how: str) -> None:
    if how == "down":
        scene.environment.down.add("sidecar")
    scene.environment.token_is_wrong = how == "token"
