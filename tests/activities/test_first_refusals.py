"""What a refusal of the first request for an operation proves (failures 46 to 48)."""

import pytest

from shared.contracts.activities import ActivityName, Stage
from shared.contracts.exec import Command, HttpRejection, Result, Unreachable, Untracked
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.scene import Scene


@pytest.fixture
async def job(scene: Scene) -> Job:
    """A job whose config is written."""
    accepted = await scene.accept()
    assert (await scene.do(ActivityName.PREPARE_SEARCH, accepted)).next_stage is Stage.SUBMIT
    return accepted


PROVE_NOTHING = {
    "a proxy refuses the token": HttpRejection(401, "<html>", None, foreign=True),
    "a proxy refuses the role": HttpRejection(403, "<html>", None, foreign=True),
    "a gateway limits the rate": HttpRejection(429, "slow", None, foreign=True),
    "the id is taken": HttpRejection(409, "operation exists with another body", None),
    "starting it fails": HttpRejection(500, "exec failed", None),
}
PROVE_THAT_NOTHING_BEGAN = {
    "the sidecar refuses the token": HttpRejection(401, "missing or invalid X-Exec-Token", None),
    "the binary is not allowed": HttpRejection(403, "argv[0] 'x' not in allowlist", None),
    "another instance": HttpRejection(412, "this is instance b", None),
    "the body is too large": HttpRejection(413, "body too large", None),
    "the rate": HttpRejection(429, "slow", None),
    "busy": HttpRejection(503, "exec server busy", None),
}


@pytest.mark.parametrize("case", PROVE_NOTHING)
async def test_failure_46_a_doubtful_refusal_does_not_prove_that_nothing_began(
    scene: Scene, job: Job, case: str
) -> None:
    scene.sidecar.refusals = [PROVE_NOTHING[case]]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    now = await scene.now(job)
    assert now.untracked_submission_until and now.sidecar_instance


@pytest.mark.parametrize("case", PROVE_THAT_NOTHING_BEGAN)
async def test_a_refusal_by_the_sidecar_proves_that_nothing_began(
    scene: Scene, job: Job, case: str
) -> None:
    scene.sidecar.refusals = [PROVE_THAT_NOTHING_BEGAN[case]]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).untracked_submission_until is None


@pytest.mark.parametrize("case", [*PROVE_NOTHING, *PROVE_THAT_NOTHING_BEGAN])
async def test_without_operations_a_refusal_is_believed_as_nothing_can_be_asked(
    scene: Scene, job: Job, case: str
) -> None:
    scene.environment.with_operations = False
    scene.sidecar.refusals = [(PROVE_NOTHING | PROVE_THAT_NOTHING_BEGAN)[case]]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert (await scene.now(job)).untracked_submission_until is None


async def test_failure_46_a_search_whose_operation_id_is_taken_is_stopped_before_it_ends(
    scene: Scene, job: Job
) -> None:
    """Something runs under its id: its end has to be seen."""
    scene.sidecar.refusals = [PROVE_NOTHING["the id is taken"]]
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).next_stage is Stage.CLEAN_UP
    scene.environment.down.add("sidecar")
    await scene.do(ActivityName.CLEAN_UP_SEARCH, job)
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.CANCELLING
    scene.environment.down.clear()
    assert (await scene.do(ActivityName.CLEAN_UP_SEARCH, job)).phase is Phase.SUBMIT_FAILED


async def test_failure_46_a_search_that_met_a_doubtful_refusal_is_started_once(
    scene: Scene, job: Job
) -> None:
    """The instance is asked next time: its 404 proves that nothing began."""
    scene.sidecar.refusals = [PROVE_NOTHING["a proxy refuses the token"]]
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert len(scene.environment.processes) == 1


async def test_failure_46_a_404_to_the_first_request_may_hide_that_it_was_passed_on(
    scene: Scene, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy lost the answer of the sidecar that started the search, and wrote its own."""
    run = scene.sidecar.run_operation

    async def behind_a_proxy(*arguments: object) -> Result:
        await run(*arguments)  # type: ignore[arg-type]
        return Untracked("HTTP 404 from a server that names no instance")

    with monkeypatch.context() as patch:
        patch.setattr(scene.sidecar, "run_operation", behind_a_proxy)
        assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.RETRYING
    assert (await scene.now(job)).untracked_submission_until
    assert (await scene.do(ActivityName.SUBMIT_SEARCH, job)).phase is Phase.SUBMITTED
    assert len(scene.environment.processes) == 1


async def test_failure_47_what_one_instance_may_have_is_not_given_to_an_exec_server(
    scene: Scene, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its PUT may still be on the way when a server without operations answers the next look."""
    scene.sidecar.refusals = [HttpRejection(500, "exec failed", None)]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)

    async def rolled_back(*arguments: object) -> None:
        scene.environment.with_operations = False

    with monkeypatch.context() as patch:
        patch.setattr(scene.sidecar, "get_operation", rolled_back)
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.processes == []
    assert (await scene.now(job)).untracked_submission_until


async def test_failure_46_a_command_given_to_exec_is_not_asked_for(
    scene: Scene, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.environment.with_operations = False

    async def lost(command: Command) -> Unreachable:
        return Unreachable("no answer", request_sent=True)

    with monkeypatch.context() as patch:
        patch.setattr(scene.sidecar, "exec", lost)
        await scene.do(ActivityName.SUBMIT_SEARCH, job)
    calls = scene.environment.calls["sidecar"]
    await scene.do(ActivityName.SUBMIT_SEARCH, job)
    assert scene.environment.calls["sidecar"] == calls
    assert "may run until" in ((await scene.now(job)).reason or "")
