"""Activities of a process that has no clients: its settings are wrong, or storage is away."""

import asyncio
import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from activities.wiring import CHUNK_ACTIVITIES, STAGE_OF, run_activity
from local.azurite import Azurite
from shared.clients.tables import Table
from shared.contracts import serialization
from shared.contracts.activities import (
    ActivityInput,
    ActivityName,
    Chunk,
    ChunkResult,
    Stage,
    StepResult,
)
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import AccessRefused, ControlPlaneError, SettingsInvalid, Unavailable
from shared.settings import Settings
from shared.util.precedence import Precedence
from tests.simulation.scene import Scene
from tests.support.dependencies import opened
from tests.support.samples import ENVIRONMENT, job, settings

MINUTE = timedelta(minutes=1)
INPUT = serialization.serialize(ActivityInput(job().job_id, 7, chunk=Chunk(1, 50)))
FaultyProcess = Callable[[pytest.MonkeyPatch], Dependencies]


def wrong_settings(patch: pytest.MonkeyPatch) -> Dependencies:
    return Dependencies(lambda: Settings.read(ENVIRONMENT | {"BLAST_JOB_TIMEOUT": "soon"}))


def storage_away(patch: pytest.MonkeyPatch) -> Dependencies:
    return without_storage(patch, Unavailable("storage_unavailable", "Tables cannot be reached"))


def storage_refusing(patch: pytest.MonkeyPatch) -> Dependencies:
    return without_storage(patch, AccessRefused("storage_unavailable", "Tables refuses the app"))


def without_storage(patch: pytest.MonkeyPatch, error: Unavailable) -> Dependencies:
    def ensure(self: Table) -> None:
        raise error

    patch.setattr(Table, "ensure", ensure)
    account = f"DefaultEndpointsProtocol=https;AccountName=stgelb;AccountKey={'A' * 86}=="
    return Dependencies(lambda: settings(storage_connection_string=account))


FAULTS = [
    (wrong_settings, "settings_invalid", MINUTE),
    (storage_away, "storage_unavailable", timedelta(seconds=15)),
    (storage_refusing, "storage_unavailable", timedelta(seconds=15)),
]
"""A process, and the code and delay of the steps that it cannot take."""


@pytest.mark.parametrize("process", [wrong_settings, storage_away])
async def test_failure_48_a_process_without_clients_holds_a_search_that_runs(
    scene: Scene, process: FaultyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.environment.batch_time = 30 * MINUTE
    accepted, perform = await scene.accept(), scene.perform
    fault_begins = scene.clock() + 10 * MINUTE

    async def perform_with_fault(verb: ActivityName, input_: ActivityInput) -> StepResult:
        if not fault_begins <= scene.clock() < fault_begins + 10 * MINUTE:
            return await perform(verb, input_)
        with monkeypatch.context() as patch:
            plain = await run_activity(process(patch), verb, serialization.serialize(input_), scene)
        return serialization.deserialize(StepResult, plain)

    scene.perform = perform_with_fault  # type: ignore[method-assign]
    driver = await scene.drive(accepted)
    await scene.run(120 * MINUTE)
    assert (driver.output, driver.crashes) == ({"phase": Phase.COMPLETED}, [])


@pytest.mark.parametrize(("process", "code", "delay"), FAULTS)
@pytest.mark.parametrize(("name", "stage"), STAGE_OF.items())
async def test_the_stage_is_repeated_later_where_the_clients_cannot_be_made(
    name: ActivityName,
    stage: Stage,
    process: FaultyProcess,
    code: str,
    delay: timedelta,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await run_activity(process(monkeypatch), name, INPUT, scene)
    expected = StepResult(Phase.RETRYING, stage, 8, delay, {"code": code})
    assert serialization.deserialize(StepResult, result) == expected


@pytest.mark.parametrize(("process", "code", "delay"), FAULTS)
async def test_a_chunk_of_a_batch_is_repeated_later_where_the_clients_cannot_be_made(
    process: FaultyProcess,
    code: str,
    delay: timedelta,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await run_activity(process(monkeypatch), ActivityName.CREATE_CHILDREN, INPUT, scene)
    assert serialization.deserialize(ChunkResult, result) == ChunkResult(code, delay)


@pytest.mark.parametrize(("process", "code", "delay"), FAULTS)
async def test_the_orchestrator_repeats_the_record_of_a_crash(
    process: FaultyProcess,
    code: str,
    delay: timedelta,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the orchestrator knows the stage, and it never gives up record_crash."""
    with pytest.raises(ControlPlaneError) as raised:
        await run_activity(process(monkeypatch), ActivityName.RECORD_CRASH, INPUT, scene)
    assert isinstance(raised.value, SettingsInvalid | Unavailable)
    assert raised.value.code == code


async def test_a_step_gives_way_to_a_submission_of_its_process(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = storage_away(monkeypatch)
    process.precedence = Precedence(timedelta(days=1))
    with process.precedence.first():
        step = asyncio.create_task(run_activity(process, ActivityName.PREPARE_SEARCH, INPUT, scene))
        assert not (await asyncio.wait([step], timeout=0))[0]
    assert await step, "it is taken when the submission has ended"


def test_every_activity_of_a_stage_can_be_repeated() -> None:
    others = {ActivityName.RECORD_CRASH, *CHUNK_ACTIVITIES}
    assert {*STAGE_OF} | others == {*ActivityName}


@pytest.mark.parametrize("notify", [False, True])
async def test_a_step_is_taken_while_only_the_completions_queue_is_away(
    azurite: Azurite, scene: Scene, notify: bool
) -> None:
    away = re.sub("(QueueEndpoint=http://[^:]*):[0-9]+", r"\1:9", azurite.connection_string)
    assert away != azurite.connection_string
    account = job().search.placement.storage_account
    async with opened(
        azurite, storage_account=account, storage_connection_string=away
    ) as dependencies:
        tomorrow = dependencies.now() + timedelta(days=1)
        accepted = job(uuid.uuid4().int, notify=notify, deadline_at=tomorrow)
        stored = await dependencies.jobs.create(accepted, {})
        input_ = serialization.serialize(ActivityInput(stored.job_id, 1))
        result = await run_activity(dependencies, ActivityName.PREPARE_SEARCH, input_, scene)
        assert serialization.deserialize(StepResult, result).next_stage is Stage.SUBMIT
        assert len(await dependencies.jobs.pending_messages(stored.job_id)) == (2 if notify else 0)
