"""Properties that are created once for all callers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from shared.util.single_flight import lazy_property


class Slow:
    """An object whose property takes long to create."""

    def __init__(self) -> None:
        self.calls = 0
        self.both_inside = threading.Barrier(2)

    @lazy_property
    def value(self) -> int:
        self.calls += 1
        with suppress(threading.BrokenBarrierError):  # expected: the second caller must not enter
            self.both_inside.wait(0.2)
        return self.calls


class FailsFirst:
    """An object whose property cannot be created at first."""

    calls = 0

    @lazy_property
    def value(self) -> str:
        self.calls += 1
        if self.calls == 1:
            raise OSError("away")
        return "created"


def test_concurrent_callers_create_the_value_once() -> None:
    slow = Slow()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: slow.value, range(2))) == [1, 1]
    assert slow.value == 1


def test_each_object_has_its_own_value() -> None:
    first, second = FailsFirst(), FailsFirst()
    with pytest.raises(OSError, match="away"):
        _ = first.value
    assert first.value == "created"
    with pytest.raises(OSError, match="away"):
        _ = second.value


def test_an_exception_is_not_kept() -> None:
    one = FailsFirst()
    with pytest.raises(OSError, match="away"):
        _ = one.value
    assert [one.value, one.value, one.calls] == ["created", "created", 2]
