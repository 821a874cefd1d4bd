"""What can be said of many hits at once, gathered hit by hit in bounded memory."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from shared.hits.hit import Hit
from shared.hits.sketches import Distinct, Frequent

TOP_SUBJECTS = 20
IDENTITY_EDGES = tuple(range(5, 100, 5))
"""Percent: where a bin of 5 ends and the next begins; 100 lies in the last."""
EVALUE_EDGES = (1e-180, 1e-100, 1e-50, 1e-20, 1e-10, 1e-5, 1e-3, 1e-1, 1.0)
"""Where a bin of e-values ends and the next begins."""


class Mean:
    """A mean of what was there."""

    def __init__(self, count: int = 0, total: float = 0) -> None:
        self.count, self.total = count, total

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


class Bins:
    """How many values lie between each edge and the next."""

    def __init__(self, edges: Sequence[float], counts: Sequence[int] | None = None) -> None:
        self._edges = edges
        self.counts = list(counts or [0] * (len(edges) + 1))

    def add(self, value: float) -> None:
        self.counts[bisect_right(self._edges, value)] += 1

    def shown(self, low: float, high: float | None) -> list[dict[str, Any]]:
        """Each bin with its ends; the first begins at `low`, the last ends at `high`."""
        ends = zip([low, *self._edges], [*self._edges, high], self.counts, strict=True)
        return [
            {"bin": _label(start, end), "from": start, "to": end, "count": count}
            for start, end, count in ends
        ]


class Tally:
    """Counts, means and distributions of hits; what it kept can be stored and gone on with."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        found = dict(kept or {})
        self.total = int(found.get("total", 0))
        self._queries = Distinct(found.get("queries", ()))
        self._subjects = Distinct(found.get("subjects", ()))
        self._top = Frequent(**found.get("top", {}))
        means: Mapping[str, Sequence[Any]] = found.get("means", {})
        self._identity, self._bitscore, self._length = (
            Mean(*means.get(name, ())) for name in ("pident", "bitscore", "length")
        )
        self._identities = Bins(IDENTITY_EDGES, found.get("identities"))
        self._evalues = Bins(EVALUE_EDGES, found.get("evalues"))
        self._max_bitscore: float | None = found.get("max_bitscore")
        self._min_evalue: float | None = found.get("min_evalue")
        self._last_query: str | None = None

    def add(self, hit: Hit) -> None:
        self.total += 1
        if hit.qseqid is not None and hit.qseqid != self._last_query:
            self._last_query = hit.qseqid
            self._queries.add(hit.qseqid)
        if hit.sseqid is not None and self._top.add(hit.sseqid):
            self._subjects.add(hit.sseqid)
        if hit.pident is not None:
            self._identity.add(hit.pident)
            self._identities.add(hit.pident)
        if hit.length is not None:
            self._length.add(hit.length)
        self._add_scores(hit.bitscore, hit.evalue)

    def _add_scores(self, bitscore: float | None, evalue: float | None) -> None:
        if bitscore is not None:
            self._bitscore.add(bitscore)
            if self._max_bitscore is None or bitscore > self._max_bitscore:
                self._max_bitscore = bitscore
        if evalue is not None:
            self._evalues.add(evalue)
            if self._min_evalue is None or evalue < self._min_evalue:
                self._min_evalue = evalue

    def shown(self) -> dict[str, Any]:
        """As the dashboard reads it. `exact` tells which of the counts are."""
        return {
            "total_hits": self.total,
            "unique_queries": self._queries.count,
            "unique_subjects": self._subjects.count,
            "evalue_distribution": self._evalues.shown(0, None),
            "identity_distribution": self._identities.shown(0, 100),
            "top_subjects": [
                {"id": name, "count": count} for name, count in self._top.top(TOP_SUBJECTS)
            ],
            "avg_identity": self._identity.value,
            "avg_bitscore": self._bitscore.value,
            "avg_length": self._length.value,
            "max_bitscore": self._max_bitscore,
            "min_evalue": self._min_evalue,
            "exact": {
                "unique_queries": self._queries.exact,
                "unique_subjects": self._subjects.exact,
                "top_subjects": self._top.error == 0,
            },
        }

    def kept(self) -> dict[str, Any]:
        """Everything, as JSON can hold it; another tally can be made of it."""
        means = {
            "pident": self._identity,
            "bitscore": self._bitscore,
            "length": self._length,
        }
        return {
            "total": self.total,
            "queries": self._queries.kept(),
            "subjects": self._subjects.kept(),
            "top": self._top.kept(),
            "means": {name: [mean.count, mean.total] for name, mean in means.items()},
            "identities": self._identities.counts,
            "evalues": self._evalues.counts,
            "max_bitscore": self._max_bitscore,
            "min_evalue": self._min_evalue,
        }


def _label(start: float, end: float | None) -> str:
    return f"{start:g} and more" if end is None else f"{start:g} to {end:g}"
