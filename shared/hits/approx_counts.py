"""Counts of many names in bounded memory: exact up to a limit, approximate beyond it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from typing import Any

DISTINCT_KEPT = 16_384
"""Hashes kept. With more distinct names the count is an estimate with an error of about 1 %."""
NAMES_COUNTED = 50_000
"""Names whose counts are kept. Up to twice as many are in memory between two prunings."""
_HASH_RANGE = 2**64


class DistinctCounter:
    """The number of distinct names, estimated from their smallest hashes.

    Source: Bar-Yossef and others, "Counting distinct elements in a data stream", 2002.
    """

    def __init__(self, hashes: Iterable[int] = (), limit: int = DISTINCT_KEPT) -> None:
        self._hashes = set(hashes)
        self._limit = limit
        self._threshold = max(self._hashes) if len(self._hashes) >= limit else _HASH_RANGE

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
            name_hash = int.from_bytes(digest, "big")
            if name_hash < self._threshold:
                self._hashes.add(name_hash)
                if len(self._hashes) > 2 * self._limit:
                    self._prune()

    @property
    def exact(self) -> bool:
        return self._threshold == _HASH_RANGE and len(self._hashes) <= self._limit

    @property
    def count(self) -> int:
        if self.exact:
            return len(self._hashes)
        self._prune()
        return round((self._limit - 1) * _HASH_RANGE / self._threshold)

    def to_state(self) -> list[int]:
        """The `hashes` argument of an equal counter."""
        if not self.exact:
            self._prune()
        return sorted(self._hashes)

    def _prune(self) -> None:
        self._hashes = set(nsmallest(self._limit, self._hashes))
        self._threshold = max(self._hashes)


class FrequencyCounter:
    """The most frequent names. A count is never too high, and too low by at most `error`."""

    def __init__(
        self, counts: dict[str, int] | None = None, error: int = 0, limit: int = NAMES_COUNTED
    ) -> None:
        self.error = error
        self._counts = Counter(counts or {})
        self._limit = limit

    def add(self, names: Sequence[str]) -> set[str]:
        """Count the names, and return those that had no count before."""
        new_names = {name for name in names if name not in self._counts}
        self._counts.update(names)
        if len(self._counts) > 2 * self._limit:
            self._prune()
        return new_names

    def top(self, number: int) -> list[tuple[str, int]]:
        """The `number` most frequent names with their counts; equal counts sorted by name."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def to_state(self) -> dict[str, Any]:
        """The keyword arguments of an equal counter."""
        return {"counts": self._counts, "error": self.error}

    def _prune(self) -> None:
        """Drop the rarer names. If one occurs again, its count starts at 0 and is then too low."""
        highest_dropped = sorted(self._counts.values(), reverse=True)[self._limit]
        self.error += highest_dropped
        self._counts = Counter(
            {name: count for name, count in self._counts.items() if count > highest_dropped}
        )
