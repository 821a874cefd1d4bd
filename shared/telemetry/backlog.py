"""Reports from before telemetry is configured: they wait, and are then made in their order."""

import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context

LONGEST = 10_000
"""Reports that wait; of more, the oldest are dropped. Configuring takes a second."""


class Backlog:
    """Makes reports at once if it is open, and otherwise once it is opened."""

    def __init__(self, is_open: bool) -> None:
        self._is_open = is_open
        self._lock = threading.Lock()
        self._waiting = deque[tuple[Context, Callable[[], None]]](maxlen=LONGEST)

    def report(self, call: Callable[[], None]) -> None:
        """Make the report, now or later, within the contextvars of now."""
        if not self._is_open and self._keep(call):
            return
        call()

    def open(self) -> None:
        """Make the reports that wait, in their order; from then on, all are made at once."""
        while waiting := self._take():
            for context, call in waiting:
                context.run(call)

    def _keep(self, call: Callable[[], None]) -> bool:
        with self._lock:
            if not self._is_open:
                self._waiting.append((copy_context(), call))
            return not self._is_open

    def _take(self) -> list[tuple[Context, Callable[[], None]]]:
        """What waits; if nothing does, it is open."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._is_open = not waiting
            return waiting
