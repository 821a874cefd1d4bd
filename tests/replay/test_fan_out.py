"""The chunks of a batch through the SDK's own replay: task_all over several, with trouble."""

import asyncio
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blast_orchestrator.job import blast_job
from shared.contracts import serialization
from shared.contracts.activities import (
    ActivityInput,
    ActivityName,
    Chunk,
    ChunkResult,
    SearchState,
    Stage,
    StepResult,
)
from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy
from tests.local.functions_host.hosted_app import TIMEOUT_SECONDS, HostFixture, app_of, hosted

pytestmark = [  # the SDK warns of a second completion of task_all, and raises the warning in it
    pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion:UserWarning"),
]

CHUNKS = tuple(Chunk(first, first + 49) for first in (1, 51, 101, 151))
CRASHING, LATE = CHUNKS[1], CHUNKS[2]
CRASH_DELAY = timedelta(seconds=10)
STATE = SearchState(
    "job-1", RetryPolicy(CRASH_DELAY, 2.0, timedelta(minutes=5), 5), stage=Stage.START_CHILDREN
)


class Batch:
    """The activities of a batch of four chunks, in which the first call of two goes wrong.

    The second chunk crashes, and the third returns only once `release` is set.
    """

    def __init__(self, crash: ChunkResult | Exception) -> None:
        self.crash = crash
        self.calls: Counter[Chunk] = Counter()
        self.steps: list[int] = []
        self.release = threading.Event()

    def start_children(self, input_: ActivityInput) -> StepResult:
        """Name all chunks; once they were created, end the batch."""
        self.steps.append(input_.step)
        if len(self.steps) > 1:
            return StepResult(Phase.COMPLETED, None)
        return StepResult(Phase.SUBMITTING, Stage.START_CHILDREN, input_.step + 1, fan_out=CHUNKS)

    def create_children(self, input_: ActivityInput) -> ChunkResult:
        chunk = input_.chunk
        assert chunk is not None
        self.calls[chunk] += 1
        is_first = self.calls[chunk] == 1
        if chunk == LATE and is_first:
            assert self.release.wait(TIMEOUT_SECONDS)
        if chunk == CRASHING and is_first:
            if isinstance(self.crash, Exception):
                raise self.crash
            return self.crash
        return ChunkResult()

    def app(self) -> Any:
        def start_children(given: Any) -> Any:
            input_ = serialization.deserialize(ActivityInput, given)
            return serialization.serialize(self.start_children(input_))

        def create_children(given: Any) -> Any:
            input_ = serialization.deserialize(ActivityInput, given)
            return serialization.serialize(self.create_children(input_))

        return app_of(blast_job, start_children=start_children, create_children=create_children)


async def until_in_history(host: HostFixture, kind: str, times: int = 1) -> None:
    async def is_there() -> bool:
        return (await host.event_types()).count(kind) >= times

    await asyncio.wait_for(host.running.engine.changed(is_there), TIMEOUT_SECONDS)


async def test_a_generation_waits_for_its_late_chunk_and_creates_only_the_crashed_one_again(
    tmp_path: Path,
) -> None:
    """A crash is a value, so that task_all answers once all four chunks have answered."""
    batch = Batch(ChunkResult(crash="a bug"))
    async with hosted(batch.app(), tmp_path / "durable.sqlite") as host:
        await host.start("blast_job", serialization.serialize(STATE))
        await until_in_history(host, "TASK_COMPLETED", 3)
        assert "TIMER_CREATED" not in await host.event_types(), "the late chunk is waited for"
        batch.release.set()
        await until_in_history(host, "TIMER_CREATED")
        host.clock.advance(CRASH_DELAY)
        ended = await host.ended()
    assert (ended.status, ended.output) == ("Completed", '{"phase":"completed"}')
    assert batch.calls == Counter(CHUNKS) + Counter([CRASHING])
    assert batch.steps == [1, 3], "the crash leaves its number unused"


async def test_a_chunk_that_dies_has_all_created_again_once_the_late_one_has_answered(
    tmp_path: Path,
) -> None:
    """The worker died: the SDK fails task_all at once. The extension schedules nothing behind it
    before all of its activities have answered, so that no two runs of a chunk overlap."""
    batch = Batch(RuntimeError("the worker died"))
    async with hosted(batch.app(), tmp_path / "durable.sqlite") as host:
        await host.start("blast_job", serialization.serialize(STATE))
        await until_in_history(host, "TASK_FAILED")
        await until_in_history(host, "TASK_COMPLETED", 2)
        assert "TIMER_CREATED" not in await host.event_types(), "the late chunk is waited for"
        batch.release.set()
        await until_in_history(host, "TIMER_CREATED")
        host.clock.advance(CRASH_DELAY)
        ended = await host.ended()
    assert (ended.status, ended.output) == ("Completed", '{"phase":"completed"}')
    assert batch.calls == Counter(CHUNKS) + Counter(CHUNKS)
    assert batch.steps == [1, 3]


async def test_a_wake_during_the_chunks_reaches_the_next_step(tmp_path: Path) -> None:
    """A cancel between two generations: the wake leaves no delay, and the step reads the row."""
    batch = Batch(ChunkResult("storage_unavailable", timedelta(hours=1)))
    async with hosted(batch.app(), tmp_path / "durable.sqlite") as host:
        await host.start("blast_job", serialization.serialize(STATE))
        await until_in_history(host, "TASK_COMPLETED", 3)
        await host.raise_event_only("wake", {}, "one")
        batch.release.set()
        ended = await host.ended()
    assert ended.status == "Completed", "without the hour that the chunk asked for"
    assert batch.calls[CRASHING] == 2


def test_the_names_are_those_of_the_app() -> None:
    assert {"start_children", "create_children"} <= set(ActivityName)
