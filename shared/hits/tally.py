"""Statistics of many hits: counts, means and distributions, in bounded memory."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from shared.hits.approx_counts import DistinctCounter, FrequencyCounter
from shared.hits.hit import Hit

TOP_SUBJECTS = 20
IDENTITY_EDGES = tuple(range(5, 100, 5))
"""Bounds between identity bins of 5 percent. 100 belongs to the last bin."""
EVALUE_EDGES = (1e-180, 1e-100, 1e-50, 1e-20, 1e-10, 1e-5, 1e-3, 1e-1, 1.0)
"""Bounds between e-value bins."""
BATCH = 1000
"""Hits per update of the statistics."""
_AVERAGED = ("pident", "bitscore", "length")


class Mean:
    """A running mean of the values that are not None."""

    def __init__(self, count: int = 0, total: float = 0) -> None:
        self.count, self.total = count, total

    def add(self, values: Sequence[float]) -> None:
        self.count += len(values)
        self.total += sum(values)

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


class Bins:
    """A histogram: the number of values between each edge and the next."""

    def __init__(self, edges: Sequence[float], counts: Sequence[int] | None = None) -> None:
        self._edges = edges
        self.counts = list(counts or [0] * (len(edges) + 1))

    def add(self, values: Iterable[float]) -> None:
        for index, count in Counter(map(partial(bisect_right, self._edges), values)).items():
            self.counts[index] += count

    def to_json(self, low: float, high: float | None) -> dict[str, int]:
        """Counts by bin label, in order from `low` to `high`.

        No label looks like an integer, because JavaScript moves such keys to the front.
        """
        ends = zip([low, *self._edges], [*self._edges, high], self.counts, strict=True)
        return {_label(start, end): count for start, end, count in ends}


class Tally:
    """Statistics of hits. `to_state` can be stored, and a new Tally continues from it."""

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        state = dict(stored or {})
        self.total = int(state.get("total", 0))
        self._queries = DistinctCounter(state.get("queries", ()))
        self._subjects = DistinctCounter(state.get("subjects", ()))
        self._top = FrequencyCounter(**state.get("top", {}))
        self._means = {name: Mean(*state.get("means", {}).get(name, ())) for name in _AVERAGED}
        self._identities = Bins(IDENTITY_EDGES, state.get("identities"))
        self._evalues = Bins(EVALUE_EDGES, state.get("evalues"))
        self._max_bitscore: float | None = state.get("max_bitscore")
        self._min_evalue: float | None = state.get("min_evalue")

    def add(self, hits: Iterable[Hit]) -> None:
        """Count the hits. If the iterator raises, the hits before that are counted."""
        batch: list[Hit] = []
        try:
            for hit in hits:
                batch.append(hit)
                if len(batch) == BATCH:
                    self._add(batch)
                    batch = []
        finally:
            self._add(batch)

    def _add(self, batch: Sequence[Hit]) -> None:
        """Works by column, which is several times faster than by hit."""
        self.total += len(batch)
        self._queries.add(set(_column(batch, "qseqid")))
        self._subjects.add(self._top.add(_column(batch, "sseqid")))
        numbers = {name: _column(batch, name) for name in (*_AVERAGED, "evalue")}
        for name, mean in self._means.items():
            mean.add(numbers[name])
        self._identities.add(numbers["pident"])
        self._evalues.add(numbers["evalue"])
        self._max_bitscore = _extreme(max, self._max_bitscore, numbers["bitscore"])
        self._min_evalue = _extreme(min, self._min_evalue, numbers["evalue"])

    def to_json(self) -> dict[str, Any]:
        """The JSON that the dashboard reads. `exact` marks the counts that are not estimates."""
        return {
            "total_hits": self.total,
            "unique_queries": self._queries.count,
            "unique_subjects": self._subjects.count,
            "evalue_distribution": self._evalues.to_json(0, None),
            "identity_distribution": self._identities.to_json(0, 100),
            "top_subjects": [
                {"id": name, "count": count} for name, count in self._top.top(TOP_SUBJECTS)
            ],
            "avg_identity": _rounded(self._means["pident"].value),
            "avg_bitscore": self._means["bitscore"].value,
            "avg_length": self._means["length"].value,
            "max_bitscore": self._max_bitscore,
            "min_evalue": self._min_evalue,
            "exact": {
                "unique_queries": self._queries.exact,
                "unique_subjects": self._subjects.exact,
                "top_subjects": self._top.error == 0,
            },
        }

    def to_state(self) -> dict[str, Any]:
        """The complete state as JSON; the argument of an equal Tally."""
        return {
            "total": self.total,
            "queries": self._queries.to_state(),
            "subjects": self._subjects.to_state(),
            "top": self._top.to_state(),
            "means": {name: [mean.count, mean.total] for name, mean in self._means.items()},
            "identities": self._identities.counts,
            "evalues": self._evalues.counts,
            "max_bitscore": self._max_bitscore,
            "min_evalue": self._min_evalue,
        }


def _column(batch: Iterable[Hit], name: str) -> list[Any]:
    """The values of one column that are not None."""
    return [value for value in map(attrgetter(name), batch) if value is not None]


def _extreme(
    function: Callable[[list[float]], float], previous: float | None, values: list[float]
) -> float | None:
    candidates = values if previous is None else [previous, *values]
    return function(candidates) if candidates else None


def _rounded(mean: float | None) -> float | None:
    """Rounded to two decimals, as the dashboard does not format the value."""
    return None if mean is None else round(mean, 2)


def _label(start: float, end: float | None) -> str:
    return f"{start:g} and more" if end is None else f"{start:g} to {end:g}"
