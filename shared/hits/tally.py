"""What can be said of many hits at once, gathered hit by hit in bounded memory."""

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
"""Percent: where a bin of 5 ends and the next begins; 100 lies in the last."""
EVALUE_EDGES = (1e-180, 1e-100, 1e-50, 1e-20, 1e-10, 1e-5, 1e-3, 1e-1, 1.0)
"""Where a bin of e-values ends and the next begins."""
BATCH = 1000
"""Hits that are added at once."""
_AVERAGED = ("pident", "bitscore", "length")


class Mean:
    """A mean of what was there."""

    def __init__(self, count: int = 0, total: float = 0) -> None:
        self.count, self.total = count, total

    def add(self, values: Sequence[float]) -> None:
        self.count += len(values)
        self.total += sum(values)

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


class Bins:
    """How many values lie between each edge and the next."""

    def __init__(self, edges: Sequence[float], counts: Sequence[int] | None = None) -> None:
        self._edges = edges
        self.counts = list(counts or [0] * (len(edges) + 1))

    def add(self, values: Iterable[float]) -> None:
        for place, count in Counter(map(partial(bisect_right, self._edges), values)).items():
            self.counts[place] += count

    def to_json(self, low: float, high: float | None) -> dict[str, int]:
        """The count of each bin by its label, in order from `low` to `high`.

        No label looks like an integer: JavaScript would move such keys to the front.
        """
        ends = zip([low, *self._edges], [*self._edges, high], self.counts, strict=True)
        return {_label(start, end): count for start, end, count in ends}


class Tally:
    """Counts, means and distributions of hits; what it kept can be stored and gone on with."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        found = dict(kept or {})
        self.total = int(found.get("total", 0))
        self._queries = DistinctCounter(found.get("queries", ()))
        self._subjects = DistinctCounter(found.get("subjects", ()))
        self._top = FrequencyCounter(**found.get("top", {}))
        self._means = {name: Mean(*found.get("means", {}).get(name, ())) for name in _AVERAGED}
        self._identities = Bins(IDENTITY_EDGES, found.get("identities"))
        self._evalues = Bins(EVALUE_EDGES, found.get("evalues"))
        self._max_bitscore: float | None = found.get("max_bitscore")
        self._min_evalue: float | None = found.get("min_evalue")

    def add(self, hits: Iterable[Hit]) -> None:
        """Count them all; where their reader raises, those before it are counted."""
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
        """Column by column, which is some times as fast as hit by hit."""
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
        """As the dashboard reads it. `exact` tells which of the counts are."""
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
        """Everything, as JSON can hold it; another tally can be made of it."""
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
    """What there is of one column."""
    return [value for value in map(attrgetter(name), batch) if value is not None]


def _extreme(
    of: Callable[[list[float]], float], known: float | None, values: list[float]
) -> float | None:
    candidates = values if known is None else [known, *values]
    return of(candidates) if candidates else None


def _rounded(mean: float | None) -> float | None:
    """To two digits: the dashboard shows it as it comes."""
    return None if mean is None else round(mean, 2)


def _label(start: float, end: float | None) -> str:
    return f"{start:g} and more" if end is None else f"{start:g} to {end:g}"
