"""Steps that take turns, give way to requests, and are not stopped by either."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from shared.util.precedence import LONGEST_PLACE, PARALLEL_STEPS, Precedence

LONG = timedelta(days=1)
TIMEOUT_SECONDS = 20


class Steps:
    """Steps that last until the test ends them. Of the times that they give way, it ends each.

    Those that are started together come as far as they can in the same pass of the event loop.
    """

    def __init__(self) -> None:
        self.precedence = Precedence(longest_place=LONG)
        self.waits: list[asyncio.Timeout] = []
        self.begun: list[int] = []
        self.beside: list[int] = []
        """Of each step that has begun: how much went first at that moment."""
        self.ends: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._first = 0

    @contextmanager
    def first(self) -> Iterator[None]:
        """What goes first."""
        with self.precedence.first():
            self._first += 1
            try:
                yield
            finally:
                self._first -= 1

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Instead of asyncio's."""
        assert seconds == 0.1, "ten a second"
        self.waits.append(asyncio.Timeout(None))
        self._changed.set()
        return self.waits[-1]

    def start(self, count: int) -> None:
        """Start so many more."""
        for number in range(len(self.tasks), len(self.tasks) + count):
            self.ends.append(asyncio.Event())
            self.tasks.append(asyncio.create_task(self._step(number)))

    async def _step(self, number: int) -> None:
        async with self.precedence.in_turn():
            self.begun.append(number)
            self.beside.append(self._first)
            self._changed.set()
            await self.ends[number].wait()

    async def until_begun(self, count: int) -> None:
        """Wait until so many have begun, and no more."""
        await self._until(lambda: len(self.begun) >= count)
        assert len(self.begun) == count

    async def until_waiting(self, times: int) -> None:
        """Wait until steps have given way so many times, and no more."""
        await self._until(lambda: len(self.waits) >= times)
        assert len(self.waits) == times

    async def _until(self, is_reached: Callable[[], bool]) -> None:
        while not is_reached():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), TIMEOUT_SECONDS)

    async def end_all(self) -> None:
        for end in self.ends:
            end.set()
        everything = asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.wait_for(everything, TIMEOUT_SECONDS)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    with monkeypatch.context() as patched:
        patched.setattr("shared.util.precedence.asyncio.timeout", steps.timeout)
        yield steps


async def test_few_steps_begin_together_and_the_next_where_one_has_ended(steps: Steps) -> None:
    steps.start(PARALLEL_STEPS + 2)
    await steps.until_begun(PARALLEL_STEPS)
    steps.ends[1].set()
    await steps.until_begun(PARALLEL_STEPS + 1)
    assert steps.waits == [], "nothing goes first"
    await steps.end_all()
    assert steps.begun == [0, 1, 2, 3, 4]


async def test_a_step_that_waits_for_another_service_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, places = asyncio.get_running_loop(), list[asyncio.Handle]()
    call_later = loop.call_later

    def soon(delay: float, callback: Callable[..., object], *args: object) -> asyncio.Handle:
        if delay != LONGEST_PLACE.total_seconds():
            return call_later(delay, callback, *args)  # a timeout of the test
        places.append(loop.call_soon(callback))
        return places[-1]

    steps = Steps()
    steps.precedence = Precedence()
    all_begun = PARALLEL_STEPS + 5
    with monkeypatch.context() as patched:
        patched.setattr(loop, "call_later", soon)
        steps.start(all_begun)
        await steps.until_begun(all_begun)
    assert len(places) == all_begun
    await steps.end_all()
    steps.start(PARALLEL_STEPS + 1)
    await steps.until_begun(all_begun + PARALLEL_STEPS)  # no place was freed twice
    await steps.end_all()


async def test_all_wait_until_nothing_goes_first(steps: Steps) -> None:
    with ExitStack() as one, ExitStack() as other:
        one.enter_context(steps.first())
        other.enter_context(steps.first())
        steps.start(PARALLEL_STEPS)
        await steps.until_waiting(1)
        one.close()
        steps.start(1)
        await asyncio.wait(steps.tasks, timeout=0)
        assert steps.begun == []
    await steps.until_begun(PARALLEL_STEPS)
    await steps.end_all()
    assert steps.beside == [0] * (PARALLEL_STEPS + 1)


async def test_one_after_another_begins_while_others_go_first_without_end(steps: Steps) -> None:
    with steps.first():
        steps.start(PARALLEL_STEPS)
        for number in range(PARALLEL_STEPS):
            await steps.until_waiting(number + 1)
            assert len(steps.begun) == number
            steps.waits[number].reschedule(0)
        await steps.until_begun(PARALLEL_STEPS)
        await steps.end_all()
    assert (steps.begun, steps.beside) == ([0, 1, 2], [1, 1, 1])


async def test_one_that_is_cancelled_while_it_gives_way_leaves_its_turn_to_the_next(
    steps: Steps,
) -> None:
    with steps.first():
        steps.start(PARALLEL_STEPS + 1)
        await steps.until_waiting(1)
        steps.tasks[0].cancel()
        await steps.until_waiting(2)
    await steps.until_begun(PARALLEL_STEPS)
    assert {*steps.begun} == {1, 2, 3}
    await steps.end_all()


async def test_one_that_is_cancelled_leaves_its_place_to_the_next(steps: Steps) -> None:
    steps.start(PARALLEL_STEPS + 2)
    await steps.until_begun(PARALLEL_STEPS)
    for number in (PARALLEL_STEPS, 0):  # one that waits for a place, and one that has it
        steps.tasks[number].cancel()
    await steps.until_begun(PARALLEL_STEPS + 1)
    assert steps.begun == [0, 1, 2, 4]
    await steps.end_all()


async def test_what_fails_holds_up_nothing(steps: Steps) -> None:
    with pytest.raises(ValueError, match="refused"), steps.precedence.first():
        raise ValueError("refused")
    for _ in range(PARALLEL_STEPS):
        with pytest.raises(ValueError, match="crashed"):
            async with steps.precedence.in_turn():
                raise ValueError("crashed")
    steps.start(PARALLEL_STEPS)
    await steps.until_begun(PARALLEL_STEPS)
    assert steps.waits == []
    await steps.end_all()


async def test_the_times_pass_by_themselves() -> None:
    millisecond = timedelta(milliseconds=1)
    precedence, all_begun = Precedence(millisecond, millisecond), asyncio.Barrier(5)

    async def step() -> None:
        async with precedence.in_turn():
            await all_begun.wait()

    with precedence.first():
        await asyncio.wait_for(asyncio.gather(*(step() for _ in range(5))), TIMEOUT_SECONDS)
