"""Tasks as the .NET extension awaits them: settled once, failed or not, without a value."""

from collections.abc import Callable, Generator, Sequence


class Future:
    """An awaitable task. Settling it runs its callbacks immediately and in order."""

    def __init__(self, done: bool = False) -> None:
        self.done = done
        self.failed = False
        self._callbacks: list[Callable[[], None]] = []

    def settle(self, failed: bool = False) -> None:
        if self.done:
            return
        self.done, self.failed = True, failed
        waiting, self._callbacks = self._callbacks, []
        for callback in waiting:
            callback()

    def then(self, callback: Callable[[], None]) -> None:
        """Run `proceed` once this is settled; immediately if it already is."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)


def drive(steps: Generator[Future, None, None]) -> Future:
    """Await the yielded futures one after another. Never fails: only Python raises failures."""
    whole = Future()

    def callback() -> None:
        try:
            while (awaited := next(steps)).done:
                continue
            awaited.then(callback)
        except StopIteration:
            whole.settle()

    callback()
    return whole


def when_all(members: Sequence[Future]) -> Future:
    """Settled when all members are, as in .NET: a failure does not end the wait."""
    whole = Future()
    remaining = len(members)

    def count() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            whole.settle()

    for member in members:
        member.then(count)
    return whole


def when_any(members: Sequence[Future]) -> Future:
    """Settled when the first member is; never fails, even if that member did."""
    whole = Future()
    for member in members:
        member.then(whole.settle)
    return whole
