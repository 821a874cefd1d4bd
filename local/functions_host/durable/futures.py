"""Tasks as the extension awaits them: settled once, well or badly, without a value."""

from collections.abc import Callable, Generator, Sequence


class Future:
    """Something awaited. Settling it runs, at once and in order, what waits for it."""

    def __init__(self, done: bool = False) -> None:
        self.done = done
        self.failed = False
        self._waiting: list[Callable[[], None]] = []

    def settle(self, failed: bool = False) -> None:
        if self.done:
            return
        self.done, self.failed = True, failed
        waiting, self._waiting = self._waiting, []
        for proceed in waiting:
            proceed()

    def then(self, proceed: Callable[[], None]) -> None:
        """Run `proceed` once this is settled; now, if it is."""
        if self.done:
            proceed()
        else:
            self._waiting.append(proceed)


def drive(steps: Generator[Future, None, None]) -> Future:
    """Await what `steps` yields, one after another. It never fails: only Python's side raises."""
    whole = Future()

    def proceed() -> None:
        try:
            while (awaited := next(steps)).done:
                continue
            awaited.then(proceed)
        except StopIteration:
            whole.settle()

    proceed()
    return whole


def when_all(members: Sequence[Future]) -> Future:
    """Settled when every member is, as .NET does it: a failure does not end the waiting."""
    whole = Future()
    left = len(members)

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            whole.settle()

    for member in members:
        member.then(count)
    return whole


def when_any(members: Sequence[Future]) -> Future:
    """Settled when the first member is; it never fails, whatever the winner did."""
    whole = Future()
    for member in members:
        member.then(whole.settle)
    return whole
