"""Counting many names in little memory: exact to a bound, and beyond it honest."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from typing import Any

DISTINCT_KEPT = 16_384
"""Hashes kept; beyond so many distinct names their number is an estimate, to about 1 %."""
NAMES_COUNTED = 50_000
"""Names whose counts are kept; about twice as many are held at times."""
_HIGHEST = 2**64


class DistinctCounter:
    """How many distinct names there are, from the smallest of their hashes.

    (Bar-Yossef and others, "Counting distinct elements in a data stream", 2002.)
    """

    def __init__(self, kept: Iterable[int] = (), most: int = DISTINCT_KEPT) -> None:
        self._kept = set(kept)
        self._most = most
        self._below = max(self._kept) if len(self._kept) >= most else _HIGHEST

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
            number = int.from_bytes(digest, "big")
            if number < self._below:
                self._kept.add(number)
                if len(self._kept) > 2 * self._most:
                    self._shrink()

    @property
    def exact(self) -> bool:
        return self._below == _HIGHEST and len(self._kept) <= self._most

    @property
    def count(self) -> int:
        if self.exact:
            return len(self._kept)
        self._shrink()
        return round((self._most - 1) * _HIGHEST / self._below)

    def to_state(self) -> list[int]:
        """What another one can be made of."""
        if not self.exact:
            self._shrink()
        return sorted(self._kept)

    def _shrink(self) -> None:
        self._kept = set(nsmallest(self._most, self._kept))
        self._below = max(self._kept)


class FrequencyCounter:
    """The names that come most often. A count can be too low by `error` at most, never too high."""

    def __init__(
        self, counts: dict[str, int] | None = None, error: int = 0, most: int = NAMES_COUNTED
    ) -> None:
        self.error = error
        self._counts = Counter(counts or {})
        self._most = most

    def add(self, names: Sequence[str]) -> set[str]:
        """Count them; those among them that were not known."""
        strange = {name for name in names if name not in self._counts}
        self._counts.update(names)
        if len(self._counts) > 2 * self._most:
            self._forget()
        return strange

    def top(self, number: int) -> list[tuple[str, int]]:
        """The most frequent, those of one count by name."""
        return sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))[:number]

    def to_state(self) -> dict[str, Any]:
        """What another one can be made of."""
        return {"counts": self._counts, "error": self.error}

    def _forget(self) -> None:
        """Drop the rarer ones: what comes again of them begins anew, so much too low."""
        edge = sorted(self._counts.values(), reverse=True)[self._most]
        self.error += edge
        self._counts = Counter({name: n for name, n in self._counts.items() if n > edge})
