"""Finds the hits of a page, in order, by reading only the columns that it filters and sorts by.

The database sorts as many rows as a page's end is away from the first one: that is fast for the
first pages, and takes seconds and all memory in the middle of millions. There, a sample of the hits
says which range of the order the page must be in, and only the hits of that range are sorted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.hits.filters import Condition
from shared.hits.sorting import PageOf, SortKey, before, sort_keys

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
Values: TypeAlias = tuple[Any, ...]
"""A hit's values of all sort keys."""


def find_page(database: "HitsDatabase", wanted: PageOf) -> tuple[list[Key], int]:
    """Segment and row of the page's hits, and the number of all that pass its filter."""
    return _Finder(database, wanted).find()


@dataclass(frozen=True)
class _Finder:
    database: "HitsDatabase"
    wanted: PageOf

    def find(self) -> tuple[list[Key], int]:
        wanted = self.wanted
        if wanted.offset + wanted.size <= DEEP:
            return self._find_by_sorting()
        matching = self.database.count(wanted.filter)
        if wanted.offset >= matching:
            return [], matching
        found = self._find_in_range(matching)
        return self._find_by_sorting() if found is None else (found, matching)

    @property
    def _keys(self) -> list[SortKey]:
        return sort_keys(self.wanted)

    @property
    def _named_keys(self) -> list[SortKey]:
        """The names of the keys in the relation of `_values`, which computes each once."""
        *keys, segment, row = self._keys
        return [*(replace(key, sql=f"key_{at}") for at, key in enumerate(keys)), segment, row]

    @property
    def _values(self) -> str:
        pairs = zip(self._keys, self._named_keys, strict=True)
        return ", ".join(f"{key.sql} AS {named.sql}" for key, named in pairs)

    @property
    def _hits(self) -> str:
        needs_coverage = self.wanted.filter.needs_coverage or self.wanted.sort_by == "coverage"
        return self.database.relations.hits(needs_coverage)

    def _find_by_sorting(self) -> tuple[list[Key], int]:
        """The page of all hits that pass.

        Where texts are searched for, which takes longest, they are searched once: the hits that
        pass are kept, and counted.
        """
        wanted, where = self.wanted, self.database.where(self.wanted.filter)
        has_text = wanted.filter.has_text
        kept = "MATERIALIZED" if has_text else "NOT MATERIALIZED"
        count = ", (SELECT count(*) FROM found) AS matching" if has_text else ""
        rows = self.database.rows(
            f"WITH found AS {kept} (SELECT {self._values} FROM ({self._hits}) WHERE {where.sql})"
            f" SELECT segment, row{count} FROM found ORDER BY {_order_by(self._named_keys)}"
            f" LIMIT {wanted.size} OFFSET {wanted.offset}",
            where.values,
        )
        matching = rows[0].get("matching") if rows else None
        return _keys_of(rows), self.database.count(wanted.filter) if matching is None else matching

    def _find_in_range(self, matching: int) -> list[Key] | None:
        """The page's hits, if the range that the sample names has them."""
        database, keys, first = self.database, self._keys, self._keys[0]
        where, wanted = self.database.where(self.wanted.filter), self.wanted
        low, high = self._range(matching, where)
        below, conditions = 0, [where]
        if low is not None:
            is_below = before(keys, low)
            below = database.value(
                f"SELECT count(*) FROM ({self._hits}) WHERE {where.sql} AND {is_below.sql}",
                [*where.values, *is_below.values],
            )
            is_not_below = Condition(f"NOT {is_below.sql}", is_below.values)
            conditions += [first.not_before(low[0]), is_not_below]
        if high is not None:
            conditions += [first.not_behind(high[0]), before(keys, high)]
        if below > wanted.offset:
            return None
        rows = database.rows(
            f"SELECT segment, row FROM ({self._hits})"
            f" WHERE {' AND '.join(condition.sql for condition in conditions)}"
            f" ORDER BY {_order_by(keys)} LIMIT {wanted.size} OFFSET {wanted.offset - below}",
            [value for condition in conditions for value in condition.values],
        )
        is_whole = len(rows) == min(wanted.size, matching - wanted.offset)
        return _keys_of(rows) if is_whole else None

    def _range(self, matching: int, where: Condition) -> tuple[Values | None, Values | None]:
        """The first hit of a range that has the page, and the one behind it; None for no limit."""
        share = max(1, matching // SAMPLE)
        rows = self.database.rows(
            f"SELECT {self._values} FROM ({self._hits})"
            f" WHERE {where.sql} AND hash(segment, row) % {share} = 0"
            f" ORDER BY {_order_by(self._named_keys)}",
            where.values,
        )
        margin = DEVIATIONS * math.sqrt(len(rows)) / 2
        per_hit = len(rows) / matching
        low = math.floor(self.wanted.offset * per_hit - margin)
        high = math.ceil((self.wanted.offset + self.wanted.size) * per_hit + margin)
        return (
            tuple(rows[low].values()) if low >= 0 else None,
            tuple(rows[high].values()) if high < len(rows) else None,
        )


def _order_by(keys: Sequence[SortKey]) -> str:
    return ", ".join(key.order for key in keys)


def _keys_of(rows: Sequence[dict[str, Any]]) -> list[Key]:
    return [(row["segment"], row["row"]) for row in rows]
