"""Chunks of a batch are created side by side, in a generation of their own."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from blast_orchestrator.job import blast_job
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
from tests.blast_orchestrator.fake_context import FakeContext, seconds
from tests.blast_orchestrator.test_job import STATE, Script
from tests.support.samples import NOON

START = serialization.serialize(replace(STATE, stage=Stage.START_CHILDREN))
CHUNKS = tuple(Chunk(first, first + 49) for first in range(1, 2500, 50))
DONE = ChunkResult()


def batch(*chunk_results: ChunkResult | Exception, chunks: tuple[Chunk, ...] = CHUNKS) -> Script:
    """A batch that names its chunks once; they end like these results, and well after them."""
    named, results = iter([chunks]), iter(chunk_results)

    def reply(name: ActivityName, input_: ActivityInput) -> Any:
        if name is ActivityName.CREATE_CHILDREN:
            result = next(results, DONE)
            if isinstance(result, Exception):
                raise result
            return result
        if name is ActivityName.RECORD_CRASH:
            return StepResult(Phase.SUBMIT_FAILED, None)
        if fan_out := next(named, ()):
            return StepResult(Phase.SUBMITTING, Stage.START_CHILDREN, fan_out=fan_out)
        return StepResult(Phase.COMPLETED, None)

    return Script(reply)


def created(script: Script) -> list[Chunk | None]:
    return [input_.chunk for name, input_ in script.calls if name is ActivityName.CREATE_CHILDREN]


def test_fifty_chunks_are_created_in_one_generation_with_a_bounded_history() -> None:
    script = batch()
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.COMPLETED}
    assert created(script) == list(CHUNKS)
    assert context.steps == [1, 50, 1]
    assert {input_.step for name, input_ in script.calls[1:-1]} == {2}
    assert script.calls[-1][1].step == 2, "creating a chunk is no step of the job's row"


def test_a_chunk_whose_counterpart_does_not_answer_is_created_again_later() -> None:
    away = ChunkResult("storage_unavailable", seconds(15))
    script = batch(DONE, away, chunks=CHUNKS[:3])
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.COMPLETED}
    assert created(script) == [*CHUNKS[:3], CHUNKS[1]]
    assert context.now == NOON + seconds(15)


def test_a_chunk_that_crashes_is_created_again_as_the_crash_policy_says() -> None:
    script = batch(ChunkResult(crash="a bug"), chunks=CHUNKS[:2])
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.COMPLETED}
    assert created(script) == [*CHUNKS[:2], CHUNKS[0]]
    assert context.now == NOON + seconds(10)


def test_chunks_whose_activity_died_are_all_created_again() -> None:
    script = batch(RuntimeError("the worker died"), chunks=CHUNKS[:2])
    FakeContext(script).run(blast_job, START)
    assert created(script) == [CHUNKS[0], *CHUNKS[:2]]


def test_a_chunk_that_always_crashes_ends_the_batch_with_its_text() -> None:
    script = batch(*[ChunkResult(crash="a bug")] * 5, chunks=CHUNKS[:1])
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.SUBMIT_FAILED}
    assert len(created(script)) == 5
    name, input_ = script.calls[-1]
    assert (name, input_.crash) == (ActivityName.RECORD_CRASH, "a bug")


def test_a_wake_ends_the_wait_for_a_chunk_that_is_created_again() -> None:
    script = batch(ChunkResult("storage_unavailable", timedelta(minutes=5)), chunks=CHUNKS[:1])
    context = FakeContext(script, events=[NOON + seconds(7)])
    context.run(blast_job, START)
    assert context.now == NOON + seconds(7)
