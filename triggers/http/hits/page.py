"""A page of hits: the first of them, and how many more there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shared.hits import COLUMNS, Hit, ReadLimitReached

MOST_QUERIES = 1000
"""Query ids that are named to choose from."""
COUNTED = 500_000
"""Hits that are read at least; once there is enough to show too, the count ends and says so."""


@dataclass
class AlignmentsPage:
    """The first `most` hits of a file, or of one query in it, in the file's order."""

    most: int
    query_id: str | None = None
    counted: int = COUNTED
    _hits: list[Hit] = field(default_factory=list)
    _queries: dict[str, None] = field(default_factory=dict)
    _total: int = 0
    _truncated: bool = False

    def fill(self, hits: Iterable[Hit]) -> None:
        try:
            for number, hit in enumerate(hits):
                if number >= self.counted and self._is_enough(hit):
                    self._truncated = True
                    break
                self._take(hit)
        except ReadLimitReached:
            self._truncated = True

    def _is_enough(self, hit: Hit) -> bool:
        """The page is full, or the wanted query has gone by: BLAST+ writes one after the other."""
        gone_by = self.query_id is not None and self._total > 0 and hit.qseqid != self.query_id
        return gone_by or len(self._hits) == self.most

    def _take(self, hit: Hit) -> None:
        query = hit.qseqid
        if query is not None and len(self._queries) < MOST_QUERIES:
            self._queries[query] = None
        if self.query_id in (None, query):
            self._total += 1
            if len(self._hits) < self.most:
                self._hits.append(hit)

    def to_json(self) -> dict[str, Any]:
        return {
            "alignments": [_shown(hit) for hit in self._hits],
            "total_hits": self._total,
            "returned": len(self._hits),
            "query_ids": list(self._queries),
            "truncated": self._truncated,
        }


def _shown(hit: Hit) -> dict[str, Any]:
    """A hit as the dashboard reads it: the columns of all, and the others where there are any."""
    values = hit._asdict()
    return {name: v for name, v in values.items() if name in COLUMNS or v is not None}
