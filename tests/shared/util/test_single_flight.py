"""A value that is created once for all callers."""

import asyncio
from datetime import timedelta

import pytest

from shared.util.single_flight import SingleFlightCache


class Source:
    """Creates values on demand: each call waits until the test releases it."""

    def __init__(self) -> None:
        self.calls = 0
        self.now = 0.0
        self.release = asyncio.Event()
        self.error: Exception | None = None
        self.cache = SingleFlightCache(self.make, lambda: self.now)

    async def make(self) -> int:
        self.calls += 1
        number = self.calls
        await self.release.wait()
        if self.error:
            raise self.error
        return number


async def test_concurrent_callers_create_the_value_once() -> None:
    source = Source()
    callers = [asyncio.create_task(source.cache.get_fresh(timedelta.max)) for _ in range(3)]
    await asyncio.sleep(0)
    source.release.set()
    assert [entry.value for entry in await asyncio.gather(*callers)] == [1, 1, 1]
    assert source.calls == 1


async def test_a_value_is_used_until_its_maximum_age() -> None:
    source = Source()
    source.release.set()
    for now, value in ((0.0, 1), (5.0, 1), (5.1, 2)):
        source.now = now
        assert (await source.cache.get_fresh(timedelta(seconds=5))).value == value


async def test_a_newer_value_is_created_once_for_all_who_ask_for_it() -> None:
    source = Source()
    source.release.set()
    first = await source.cache.get_fresh(timedelta.max)
    newer = await asyncio.gather(*(source.cache.get_newer(first) for _ in range(3)))
    assert [entry.value for entry in newer] == [2, 2, 2]
    assert (await source.cache.get_newer(first)).value == 2


async def test_an_exception_reaches_all_callers_and_is_not_kept() -> None:
    source = Source()
    source.error = OSError("away")
    source.release.set()
    callers = [source.cache.get_fresh(timedelta.max) for _ in range(2)]
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(error) for error in errors] == ["away", "away"]
    source.error = None
    assert (await source.cache.get_fresh(timedelta.max)).value == 2


async def test_a_cancelled_caller_leaves_the_value_to_the_others() -> None:
    source = Source()
    first, second = (asyncio.create_task(source.cache.get_fresh(timedelta.max)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.release.set()
    assert (await second).value == 1
