"""What one makes for all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.util.single_flight import Lazy


def test_concurrent_callers_create_the_value_once() -> None:
    made: list[int] = []
    both_inside = threading.Barrier(2)

    @Lazy
    def one() -> int:
        made.append(1)
        with suppress(threading.BrokenBarrierError):  # which is as it should be
            both_inside.wait(0.2)
        return len(made)

    with ThreadPoolExecutor(2) as two:
        assert list(two.map(lambda _: one(), range(2))) == [1, 1]


def test_an_exception_is_not_cached() -> None:
    tries: list[int] = []

    @Lazy
    def one() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        return "made"

    with pytest.raises(OSError, match="away"):
        one()
    assert [one(), one(), len(tries)] == ["made", "made", 2]
