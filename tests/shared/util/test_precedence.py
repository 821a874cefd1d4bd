"""Steps that take turns, give way to requests, and are not stopped by either."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from shared.util.precedence import PARALLEL_STEPS, Precedence

LONG = timedelta(days=1)


class Steps:
    """Steps that last until the test ends them. Of the times that they give way, it ends each."""

    def __init__(self) -> None:
        self.precedence = Precedence(longest_place=LONG)
        self.waits: list[asyncio.Timeout] = []
        self.begun: list[int] = []
        self.ends: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Instead of asyncio's."""
        assert seconds == 0.1, "ten a second"
        self.waits.append(asyncio.Timeout(None))
        return self.waits[-1]

    async def begin(self, count: int) -> None:
        """Start so many more, and let them come as far as they can."""
        for number in range(len(self.tasks), len(self.tasks) + count):
            self.ends.append(asyncio.Event())
            self.tasks.append(asyncio.create_task(self._step(number)))
        await settled()

    async def _step(self, number: int) -> None:
        async with self.precedence.in_turn():
            self.begun.append(number)
            await self.ends[number].wait()

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self.ends[number].set()
        await settled()

    async def end_all(self) -> None:
        await self.end(*range(len(self.ends)))
        await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), 20)


async def settled() -> None:
    """Let all tasks run until each waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)  # gives way to the loop, and waits for no time


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    with monkeypatch.context() as patched:
        patched.setattr("shared.util.precedence.asyncio.timeout", steps.timeout)
        yield steps


async def test_few_steps_begin_together_and_the_next_where_one_has_ended(steps: Steps) -> None:
    await steps.begin(PARALLEL_STEPS + 2)
    assert steps.begun == [0, 1, 2]
    await steps.end(1)
    assert steps.begun == [0, 1, 2, 3]
    assert steps.waits == [], "nothing goes first"
    await steps.end_all()
    assert steps.begun == [0, 1, 2, 3, 4]


async def test_a_step_that_waits_for_another_service_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays: list[float] = []
    loop = asyncio.get_running_loop()

    def call_soon(delay: float, callback: Callable[[], object]) -> asyncio.Handle:
        delays.append(delay)
        return loop.call_soon(callback)

    steps = Steps()
    steps.precedence = Precedence()
    monkeypatch.setattr(loop, "call_later", call_soon)
    await steps.begin(PARALLEL_STEPS + 5)
    assert (len(steps.begun), {*delays}) == (PARALLEL_STEPS + 5, {0.25})
    monkeypatch.undo()
    await steps.end_all()
    await steps.begin(PARALLEL_STEPS + 1)
    assert len(steps.begun) == 2 * PARALLEL_STEPS + 5, "no place was freed twice"
    await steps.end_all()


async def test_all_wait_until_nothing_goes_first(steps: Steps) -> None:
    with ExitStack() as one, ExitStack() as other:
        one.enter_context(steps.precedence.first())
        other.enter_context(steps.precedence.first())
        await steps.begin(PARALLEL_STEPS)
        one.close()
        await settled()
        assert steps.begun == []
        other.close()
        await settled()
        assert steps.begun == [0, 1, 2]
    await steps.end_all()


async def test_one_after_another_begins_while_others_go_first_without_end(steps: Steps) -> None:
    with steps.precedence.first():
        await steps.begin(PARALLEL_STEPS)
        for number in range(PARALLEL_STEPS):
            assert (len(steps.waits), len(steps.begun)) == (number + 1, number)
            steps.waits[number].reschedule(0)
            await settled()
        assert steps.begun == [0, 1, 2]
        await steps.end_all()


@pytest.mark.parametrize("goes_first", [True, False])
async def test_one_that_is_cancelled_leaves_its_turn_to_the_next(
    steps: Steps, goes_first: bool
) -> None:
    with ExitStack() as first:
        if goes_first:
            first.enter_context(steps.precedence.first())
        await steps.begin(PARALLEL_STEPS + 1)
        steps.tasks[0].cancel()
        await settled()
        assert len(steps.waits) == (2 if goes_first else 0)
    await settled()
    assert sorted({*steps.begun} - {0}) == [1, 2, 3]
    await steps.end_all()


async def test_what_fails_holds_up_nothing(steps: Steps) -> None:
    with pytest.raises(ValueError, match="refused"), steps.precedence.first():
        raise ValueError("refused")
    for _ in range(PARALLEL_STEPS):
        with pytest.raises(ValueError, match="crashed"):
            async with steps.precedence.in_turn():
                raise ValueError("crashed")
    await steps.begin(PARALLEL_STEPS)
    assert (len(steps.begun), steps.waits) == (PARALLEL_STEPS, [])
    await steps.end_all()


async def test_the_times_pass_by_themselves() -> None:
    millisecond = timedelta(milliseconds=1)
    precedence, all_begun = Precedence(millisecond, millisecond), asyncio.Barrier(5)

    async def step() -> None:
        async with precedence.in_turn():
            await all_begun.wait()

    with precedence.first():
        await asyncio.wait_for(asyncio.gather(*(step() for _ in range(5))), 20)
