"""Work that gives way to other work, and is not stopped by it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from shared.util.precedence import Precedence

STEPS = 3


class Steps:
    """Steps that give way, and the timeouts of their turns, which only the test ends."""

    def __init__(self) -> None:
        self.precedence = Precedence()
        self.timeouts: list[asyncio.Timeout] = []
        self.begun: list[int] = []

    def timeout(self, seconds: float) -> asyncio.Timeout:
        assert seconds == 0.1, "ten a second"
        self.timeouts.append(asyncio.Timeout(None))
        return self.timeouts[-1]

    async def step(self, number: int) -> None:
        await self.precedence.give_way()
        self.begun.append(number)

    def begin(self) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.step(number)) for number in range(STEPS)]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "timeout", steps.timeout)
        yield steps


async def settled() -> None:
    """Let all tasks run until each waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)  # gives way to the loop, and waits for no time


async def test_all_begin_at_once_while_nothing_goes_first(steps: Steps) -> None:
    await asyncio.gather(*steps.begin())
    assert (steps.begun, steps.timeouts) == ([0, 1, 2], [])


async def test_all_wait_until_nothing_goes_first(steps: Steps) -> None:
    with ExitStack() as one, ExitStack() as other:
        one.enter_context(steps.precedence.first())
        other.enter_context(steps.precedence.first())
        tasks = steps.begin()
        await settled()
        one.close()
        await settled()
        assert steps.begun == []
        other.close()
        await asyncio.gather(*tasks)
    assert steps.begun == [0, 1, 2]


async def test_one_after_another_begins_while_others_go_first_without_end(steps: Steps) -> None:
    with steps.precedence.first():
        tasks = steps.begin()
        for number in range(STEPS):
            await settled()
            assert (len(steps.timeouts), len(steps.begun)) == (number + 1, number)
            steps.timeouts[number].reschedule(0)
            await asyncio.wait_for(asyncio.shield(tasks[number]), 20)
        assert steps.begun == [0, 1, 2]


async def test_one_that_is_cancelled_leaves_its_turn_to_the_next(steps: Steps) -> None:
    with steps.precedence.first():
        tasks = steps.begin()
        await settled()
        tasks[0].cancel()
        await settled()
        assert (len(steps.timeouts), steps.begun) == (2, [])
    await asyncio.gather(*tasks, return_exceptions=True)
    assert steps.begun == [1, 2]


async def test_what_goes_first_and_fails_holds_up_nothing(steps: Steps) -> None:
    with pytest.raises(ValueError, match="refused"), steps.precedence.first():
        raise ValueError("refused")
    await asyncio.gather(*steps.begin())
    assert steps.timeouts == []


async def test_a_wait_ends_by_itself() -> None:
    precedence = Precedence(timedelta(milliseconds=1))
    with precedence.first():
        await precedence.give_way()
