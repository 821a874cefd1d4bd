"""The first hits of a file and the number of its hits."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.hits import Hit, ReadLimitReached
from triggers.schemas.results import Alignments, HitView

MAX_QUERY_IDS = 1000
"""Query ids in the response, from which a user can choose."""
MIN_COUNTED = 500_000
"""Hits that are read at least. After that, reading stops once the page is full."""


@dataclass
class AlignmentsPage:
    """The first `max_hits` hits of a file, or of one query in it, in the file's order."""

    max_hits: int
    query_id: str | None = None
    min_counted: int = MIN_COUNTED
    _hits: list[Hit] = field(default_factory=list)
    _query_ids: dict[str, None] = field(default_factory=dict)
    _total: int = 0
    _truncated: bool = False

    def fill(self, hits: Iterable[Hit]) -> None:
        """Read hits until the page is full and at least `min_counted` hits are counted."""
        try:
            for number, hit in enumerate(hits):
                if number >= self.min_counted and self._is_complete(hit):
                    self._truncated = True
                    break
                self._add(hit)
        except ReadLimitReached:
            self._truncated = True

    def _is_complete(self, hit: Hit) -> bool:
        """Whether the page is full, or all hits of the query are read: BLAST+ groups by query."""
        is_past = self.query_id is not None and self._total > 0 and hit.qseqid != self.query_id
        return is_past or len(self._hits) == self.max_hits

    def _add(self, hit: Hit) -> None:
        query_id = hit.qseqid
        if query_id is not None and len(self._query_ids) < MAX_QUERY_IDS:
            self._query_ids[query_id] = None
        if self.query_id in (None, query_id):
            self._total += 1
            if len(self._hits) < self.max_hits:
                self._hits.append(hit)

    def to_view(self, job_id: str, blob_name: str) -> Alignments:
        """Return the page of a job's file."""
        return Alignments(
            job_id=job_id,
            blob_name=blob_name,
            alignments=[HitView(**hit._asdict()) for hit in self._hits],
            total_hits=self._total,
            returned=len(self._hits),
            query_ids=list(self._query_ids),
            truncated=self._truncated,
        )
