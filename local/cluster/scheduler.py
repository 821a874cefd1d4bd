"""Schedules pods on one node's CPUs: first come, first served."""

from collections.abc import Callable
from decimal import Decimal

CROWDED = "0/1 nodes are available: 1 Insufficient cpu."


class Scheduler:
    """Assigns CPUs in the order of requests; a pod that needs more than the node has never fits."""

    def __init__(self, cpus: int) -> None:
        self._cpus = Decimal(cpus)
        self._free = Decimal(cpus)
        self._waiting: dict[str, Decimal] = {}
        self._taken: dict[str, Decimal] = {}

    def occupy(self, uid: str, cpus: Decimal) -> None:
        """Record a pod that is already bound."""
        self._taken[uid] = cpus
        self._free -= cpus

    def ask(self, uid: str, cpus: Decimal) -> None:
        if cpus <= self._cpus and uid not in self._taken:
            self._waiting.setdefault(uid, cpus)

    def leave(self, uid: str) -> None:
        """Release the CPUs of a pod, or its place in the queue. Idempotent."""
        self._waiting.pop(uid, None)
        self._free += self._taken.pop(uid, Decimal(0))

    def place(self, bind: Callable[[str], None]) -> None:
        """Call `bind` with the uid of each pod that fits, from the head of the queue."""
        while self._waiting:
            uid, cpus = next(iter(self._waiting.items()))
            if cpus > self._free:
                return
            del self._waiting[uid]
            self.occupy(uid, cpus)
            bind(uid)
