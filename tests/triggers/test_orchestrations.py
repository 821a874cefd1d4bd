"""Which orchestration a job gets, and how an activity speaks to Durable Functions."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.states import Phase
from shared.contracts.steps import BATCH_ORCHESTRATOR, ORCHESTRATOR, Report, Verb
from shared.errors import Unavailable
from shared.settings import Settings
from shared.waiting import Retry
from tests.samples import job, settings
from triggers import orchestrations
from triggers.orchestrations import FromThread, ensure_started, start_of

RETRY = Retry.parse("10s x2 5m 5")


@dataclass
class Client:
    """Durable Functions that remembers; a `deaf` one never answers."""

    deaf: bool = False
    started: list[tuple[str, str, Any]] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        if self.deaf:
            await asyncio.Event().wait()
        self.started.append((name, instance_id, client_input))
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None:
        self.raised.append(instance_id)

    async def get_status(self, instance_id: str) -> Any:
        return None


@pytest.fixture(autouse=True)
def known_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    one = settings()
    monkeypatch.setattr(orchestrations, "settings", lambda: one)
    yield one


@pytest.mark.parametrize(
    ("children", "name", "verb"),
    [(0, ORCHESTRATOR, Verb.PREPARE), (3, BATCH_ORCHESTRATOR, Verb.FAN_OUT)],
)
async def test_a_batch_has_a_story_of_its_own_name_and_another_first_verb(
    children: int, name: str, verb: Verb
) -> None:
    client, one = Client(), job(children=children)
    await ensure_started(client, one)
    ((said, instance_id, start),) = client.started
    assert (said, instance_id, start["verb"], start["step"]) == (name, one.job_id, verb, 1)


def test_a_lost_batch_goes_on_where_its_row_stands() -> None:
    report = Report(Phase.RUNNING, Verb.GATHER)
    start = start_of(job(children=3, step=4, report=report, phase=Phase.RUNNING), RETRY)
    assert (start.verb, start.step) == (Verb.GATHER, 5)


async def test_an_activity_in_a_thread_speaks_through_the_loop() -> None:
    client, one = Client(), job()
    told = FromThread(client, asyncio.get_running_loop())
    await asyncio.to_thread(told.ensure_started, one)
    await asyncio.to_thread(told.wake, one)
    assert [said for _, said, _ in client.started] == client.raised == [one.job_id]


async def test_durable_functions_that_does_not_answer_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orchestrations, "PATIENCE", timedelta(milliseconds=20))
    told = FromThread(Client(deaf=True), asyncio.get_running_loop())
    with pytest.raises(Unavailable):
        await asyncio.to_thread(told.ensure_started, job())
