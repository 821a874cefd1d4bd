"""Finds the hits of a page, in order, by reading only the columns that it filters and sorts by.

The database sorts as many rows as a page's end is away from the first one: that is fast for the
first pages, and takes seconds and all memory in the middle of millions. There, a sample of the hits
says which range of the order the page must be in, and only the hits of that range are sorted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.hits.database import name
from shared.hits.filters import Condition
from shared.hits.sorting import RELEVANCE, Direction, PageOf, SortKey, sort_keys

if TYPE_CHECKING:
    from shared.hits.questions import HitsDatabase

DEEP = 20_000
"""Hits from the first to the end of the page, from which on the range is searched for."""
SAMPLE = 40_000
"""Hits of the sample."""
DEVIATIONS = 5
"""Standard deviations of a place in the sample on both sides. A range that misses the page is
noticed, and all hits are sorted."""
Key = tuple[int, int]
"""Segment and row of a hit."""


def find_page(database: "HitsDatabase", wanted: PageOf) -> tuple[list[Key], int]:
    """Segment and row of the page's hits, and the number of all that pass its filter."""
    return _Finder(database, wanted).find()


@dataclass(frozen=True)
class _Finder:
    database: "HitsDatabase"
    wanted: PageOf

    def find(self) -> tuple[list[Key], int]:
        wanted = self.wanted
        if wanted.sort_by == RELEVANCE and self._has_several_hsps:
            return self._find_with_hsps_together()
        if wanted.offset + wanted.size <= DEEP:
            return self._find_by_sorting()
        matching = self.database.count(wanted.filter)
        if wanted.offset >= matching:
            return [], matching
        found = self._find_in_range(matching)
        return self._find_by_sorting() if found is None else (found, matching)

    @property
    def _has_several_hsps(self) -> bool:
        index = self.database.index
        return sum(segment.pairs for segment in index.segments) < index.hits

    @property
    def _keys(self) -> list[SortKey]:
        return sort_keys(self.wanted)

    @property
    def _order(self) -> str:
        return ", ".join(key.order for key in self._keys)

    @property
    def _hits(self) -> str:
        needs_coverage = self.wanted.filter.needs_coverage or self.wanted.sort_by == "coverage"
        return self.database.relations.hits(needs_coverage)

    def _find_by_sorting(self) -> tuple[list[Key], int]:
        return self._select("found", self._order)

    def _find_with_hsps_together(self) -> tuple[list[Key], int]:
        """The pairs of queries and subjects in the order of their best hits.

        The hits up to the page's end are of pairs that have at least as many hits; so no others
        are looked at.
        """
        end = self.wanted.offset + self.wanted.size
        best_hit = "create_sort_key(evalue, 'ASC nulls last', bitscore, 'DESC nulls last')"
        if self.wanted.direction is Direction.ASCENDING and end <= DEEP:
            first = f"SELECT pair, {best_hit} AS best FROM found ORDER BY {self._order} LIMIT {end}"
            best = f"SELECT pair, min(best) AS best FROM ({first}) GROUP BY pair"
            order = "best"
        else:
            best = (
                f"SELECT pair, min({best_hit}) AS best, min(evalue) IS NULL AS has_none"
                " FROM found GROUP BY pair"
            )
            order = f"has_none, best {self.wanted.direction}"
        order = f"{order}, pair, segment, row"
        return self._select("found JOIN best USING (pair)", order, f", best AS ({best})")

    def _select(self, source: str, order: str, more: str = "") -> tuple[list[Key], int]:
        """A page of the relation `found`.

        Where texts are searched for, which takes longest, they are searched once: the hits that
        pass are kept, and counted.
        """
        wanted, where = self.wanted, self.database.where(self.wanted.filter)
        has_text = wanted.filter.has_text
        kept = "MATERIALIZED" if has_text else "NOT MATERIALIZED"
        count = ", (SELECT count(*) FROM found) AS matching" if has_text else ""
        rows = self.database.rows(
            f"WITH found AS {kept} (SELECT {', '.join(self._columns)} FROM ({self._hits})"
            f" WHERE {where.sql}){more} SELECT segment, row{count} FROM {source}"
            f" ORDER BY {order} LIMIT {wanted.size} OFFSET {wanted.offset}",
            where.values,
        )
        matching = rows[0].get("matching") if rows else None
        return _keys_of(rows), self.database.count(wanted.filter) if matching is None else matching

    @property
    def _columns(self) -> list[str]:
        is_column = self.wanted.sort_by not in (RELEVANCE, "file_order")
        sorted_by = [name(self.wanted.sort_by)] if is_column else []
        return list(dict.fromkeys(["segment", "row", "pair", '"evalue"', '"bitscore"', *sorted_by]))

    def _find_in_range(self, matching: int) -> list[Key] | None:
        """The page's hits, if the range that the sample names has them."""
        database, first = self.database, self._keys[0]
        where, offset, size = (
            database.where(self.wanted.filter),
            self.wanted.offset,
            self.wanted.size,
        )
        whole = self._whole_key()
        low, high = self._range(matching, whole, where)
        below = 0
        conditions = [where]
        if low is not None:
            before = first.before(low["first"])
            below = database.value(
                f"SELECT count(*) FROM ({self._hits}) WHERE {where.sql} AND CASE"
                f" WHEN {before.sql} THEN true WHEN {first.sql} IS NOT DISTINCT FROM ?"
                f" THEN {whole} < ? ELSE false END",
                [*where.values, *before.values, low["first"], low["whole"]],
            )
            conditions += [
                first.not_before(low["first"]),
                Condition(f"{whole} >= ?", (low["whole"],)),
            ]
        if high is not None:
            conditions += [
                first.not_behind(high["first"]),
                Condition(f"{whole} <= ?", (high["whole"],)),
            ]
        if below > offset:
            return None
        rows = database.rows(
            f"SELECT segment, row FROM ({self._hits})"
            f" WHERE {' AND '.join(condition.sql for condition in conditions)}"
            f" ORDER BY {self._order} LIMIT {size} OFFSET {offset - below}",
            [value for condition in conditions for value in condition.values],
        )
        is_whole = len(rows) == min(size, matching - offset)
        return _keys_of(rows) if is_whole else None

    def _whole_key(self) -> str:
        """All keys as one value, whose bytes have the order of the page."""
        listed = ", ".join(f"{key.sql}, '{key.direction} nulls last'" for key in self._keys)
        return f"create_sort_key({listed})"

    def _range(
        self, matching: int, whole: str, where: Condition
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The first and the last hit of a range that has the page; None for no limit."""
        share = max(1, matching // SAMPLE)
        sample = self.database.rows(
            f"SELECT {whole} AS whole, {self._keys[0].sql} AS first FROM ({self._hits})"
            f" WHERE {where.sql} AND hash(segment, row) % {share} = 0 ORDER BY whole",
            where.values,
        )
        margin = DEVIATIONS * math.sqrt(len(sample)) / 2
        per_hit = len(sample) / matching
        low = math.floor(self.wanted.offset * per_hit - margin)
        high = math.ceil((self.wanted.offset + self.wanted.size) * per_hit + margin)
        return (
            sample[low] if low >= 0 else None,
            sample[high] if high < len(sample) else None,
        )


def _keys_of(rows: Sequence[dict[str, Any]]) -> list[Key]:
    return [(row["segment"], row["row"]) for row in rows]
