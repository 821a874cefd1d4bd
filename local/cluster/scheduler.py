"""The one node's CPUs, and who waits for them: first come, first served."""

from collections.abc import Callable
from decimal import Decimal

CROWDED = "0/1 nodes are available: 1 Insufficient cpu."


class Scheduler:
    """Hands out CPUs in the order of asking; a pod that asks for more than there are never fits."""

    def __init__(self, cpus: int) -> None:
        self._cpus = Decimal(cpus)
        self._free = Decimal(cpus)
        self._waiting: dict[str, Decimal] = {}
        self._taken: dict[str, Decimal] = {}

    def occupy(self, uid: str, cpus: Decimal) -> None:
        """Count a pod that already has its place."""
        self._taken[uid] = cpus
        self._free -= cpus

    def ask(self, uid: str, cpus: Decimal) -> None:
        if cpus <= self._cpus and uid not in self._taken:
            self._waiting.setdefault(uid, cpus)

    def leave(self, uid: str) -> None:
        """A pod ended, or no longer wants a place. Safe to say twice."""
        self._waiting.pop(uid, None)
        self._free += self._taken.pop(uid, Decimal(0))

    def place(self, bind: Callable[[str], None]) -> None:
        """Bind the pods that fit, from the head of the queue, by their uid."""
        while self._waiting:
            uid, cpus = next(iter(self._waiting.items()))
            if cpus > self._free:
                return
            del self._waiting[uid]
            self.occupy(uid, cpus)
            bind(uid)
