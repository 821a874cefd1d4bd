"""Values that are created once for all callers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.util.single_flight import Lazy


def test_concurrent_callers_create_the_value_once() -> None:
    calls: list[int] = []
    both_inside = threading.Barrier(2)

    @Lazy
    def value() -> int:
        calls.append(1)
        with suppress(threading.BrokenBarrierError):  # expected: the second caller must not enter
            both_inside.wait(0.2)
        return len(calls)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: value(), range(2))) == [1, 1]


def test_an_exception_is_not_cached() -> None:
    attempts: list[int] = []

    @Lazy
    def value() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("away")
        return "created"

    with pytest.raises(OSError, match="away"):
        value()
    assert [value(), value(), len(attempts)] == ["created", "created", 2]
