"""Which orchestration a job gets, and how an activity speaks to Durable Functions."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    WAKE_EVENT,
    Decision,
    Stage,
)
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.util.durations import RetryPolicy
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import job
from triggers import durable_client
from triggers.durable_client import OrchestrationClient, ensure_started, initial_state

RETRY = RetryPolicy(timedelta(seconds=10), 2, timedelta(minutes=5), 5)


class Deaf(FakeDurable):
    """One that never answers."""

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        await asyncio.Event().wait()
        return instance_id

    async def get_status(self, instance_id: str) -> Any:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("children", "name", "stage"),
    [
        (0, ORCHESTRATOR, Stage.PREPARE),
        (3, BATCH_ORCHESTRATOR, Stage.START_CHILDREN),
    ],
)
async def test_a_batch_has_an_orchestration_of_its_own_name_and_another_first_stage(
    children: int, name: str, stage: Stage
) -> None:
    client, stored = FakeDurable(Clock()), job(child_count=children)
    await ensure_started(client, stored, RETRY)
    begun = client.instances[stored.job_id]
    assert (begun.name, begun.input_["stage"], begun.input_["step"]) == (name, stage, 1)


def test_a_lost_batch_goes_on_where_its_row_stands() -> None:
    report = Decision(Stage.WATCH_CHILDREN)
    start = initial_state(job(child_count=3, step=4, decision=report, phase=Phase.RUNNING), RETRY)
    assert (start.stage, start.step) == (Stage.WATCH_CHILDREN, 5)


async def test_an_activity_starts_and_wakes_orchestrations() -> None:
    client, stored = FakeDurable(Clock()), job()
    orchestrations = OrchestrationClient(client, lambda: RETRY)
    await orchestrations.ensure_started(stored)
    await orchestrations.wake(stored)
    assert list(client.instances) == [stored.job_id]
    assert client.events == [(stored.job_id, WAKE_EVENT)]


async def test_durable_functions_that_does_not_answer_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(durable_client, "CALL_TIMEOUT", 0.02)
    with pytest.raises(Unavailable):
        await OrchestrationClient(Deaf(Clock()), lambda: RETRY).ensure_started(job())


async def test_failure_55_an_orchestrations_error_is_redacted_before_it_is_shortened() -> None:
    client = FakeDurable(Clock())
    output = "x" * (durable_client.LONGEST_ERROR - 20) + " https://user:12345-s3cr3t@host/path"
    client.ends("job-1", "Failed", output)
    status = await durable_client.get_status(client, "job-1")
    assert status and status.error
    assert "123" not in status.error
