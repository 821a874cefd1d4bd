"""Which orchestration a job gets, and how an activity speaks to Durable Functions."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from shared.contracts.activities import BATCH_ORCHESTRATOR, CANCEL_EVENT, ORCHESTRATOR, Report, Verb
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.settings import Settings
from shared.util.durations import Retry
from tests.shared.jobs.conftest import Clock
from tests.support.fake_durable import FakeDurable
from tests.support.samples import job, settings
from triggers import durable_client
from triggers.durable_client import FromThread, ensure_started, start_of

RETRY = Retry.parse("10s x2 5m 5")


class Deaf(FakeDurable):
    """One that never answers."""

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        await asyncio.Event().wait()
        return instance_id


@pytest.fixture(autouse=True)
def known_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    one = settings()
    monkeypatch.setattr(durable_client, "settings", lambda: one)
    yield one


@pytest.mark.parametrize(
    ("children", "name", "verb"),
    [(0, ORCHESTRATOR, Verb.PREPARE), (3, BATCH_ORCHESTRATOR, Verb.FAN_OUT)],
)
async def test_a_batch_has_a_story_of_its_own_name_and_another_first_verb(
    children: int, name: str, verb: Verb
) -> None:
    client, one = FakeDurable(Clock()), job(children=children)
    await ensure_started(client, one)
    begun = client.instances[one.job_id]
    assert (begun.name, begun.input_["verb"], begun.input_["step"]) == (name, verb, 1)


def test_a_lost_batch_goes_on_where_its_row_stands() -> None:
    report = Report(Phase.RUNNING, Verb.GATHER)
    start = start_of(job(children=3, step=4, report=report, phase=Phase.RUNNING), RETRY)
    assert (start.verb, start.step) == (Verb.GATHER, 5)


async def test_an_activity_in_a_thread_speaks_through_the_loop() -> None:
    client, one = FakeDurable(Clock()), job()
    told = FromThread(client, asyncio.get_running_loop())
    await asyncio.to_thread(told.ensure_started, one)
    await asyncio.to_thread(told.wake, one)
    assert list(client.instances) == [one.job_id]
    assert client.events == [(one.job_id, CANCEL_EVENT)]


async def test_durable_functions_that_does_not_answer_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(durable_client, "PATIENCE", 0.02)
    told = FromThread(Deaf(Clock()), asyncio.get_running_loop())
    with pytest.raises(Unavailable):
        await asyncio.to_thread(told.ensure_started, job())
