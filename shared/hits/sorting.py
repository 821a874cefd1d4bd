"""The order of hits, and which part of them a page is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.hits.best import BEST_BITSCORE, BEST_EVALUE
from shared.hits.columns import Kind, kind_of
from shared.hits.database import name
from shared.hits.filters import Condition, Filter

RELEVANCE = "relevance"
_NUMBERS = ("coverage", "query")
"""Numbers that are not among BLAST+'s columns."""


class Direction(StrEnum):
    """The direction of a sort."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True)
class PageOf:
    """Which hits, in which order, and which part of them."""

    filter: Filter = field(default_factory=Filter)
    sort_by: str = RELEVANCE
    """A column, `coverage`, `file_order`, or RELEVANCE: the best e-value and bit score of the
    subject for the query, of all HSPs whether or not they pass the filter, with its HSPs
    together."""
    direction: Direction = Direction.ASCENDING
    offset: int = 0
    size: int = 50


@dataclass(frozen=True)
class SortKey:
    """An expression that hits are sorted by; missing values last."""

    sql: str
    direction: Direction = Direction.ASCENDING

    @property
    def order(self) -> str:
        """The order, in SQL."""
        return f"{self.sql} {self.direction} NULLS LAST"

    def before(self, value: Any) -> Condition:
        """Hits before all with the value."""
        if value is None:
            return Condition(f"{self.sql} IS NOT NULL")
        sign = "<" if self.direction is Direction.ASCENDING else ">"
        return Condition(f"{self.sql} {sign} ?", (value,))

    def equal_to(self, value: Any) -> Condition:
        """Hits with the value."""
        if value is None:
            return Condition(f"{self.sql} IS NULL")
        return Condition(f"{self.sql} = ?", (value,))

    def not_before(self, value: Any) -> Condition:
        """Hits with the value, and those behind them."""
        if value is None:
            return Condition(f"{self.sql} IS NULL")
        sign = ">=" if self.direction is Direction.ASCENDING else "<="
        return Condition(f"({self.sql} {sign} ? OR {self.sql} IS NULL)", (value,))

    def not_behind(self, value: Any) -> Condition:
        """Hits with the value, and those before them."""
        if value is None:
            return Condition("true")
        sign = "<=" if self.direction is Direction.ASCENDING else ">="
        return Condition(f"{self.sql} {sign} ?", (value,))


def sort_keys(wanted: PageOf) -> list[SortKey]:
    """The order of a page. No two hits are equal: the last keys are their places in the files."""
    direction = wanted.direction
    if wanted.sort_by == "file_order":
        return [SortKey("segment", direction), SortKey("row", direction)]
    if wanted.sort_by == RELEVANCE:
        opposite = Direction.DESCENDING if direction is Direction.ASCENDING else Direction.ASCENDING
        keys = [SortKey(BEST_EVALUE, direction), SortKey(BEST_BITSCORE, opposite)]
    else:
        is_text = kind_of(wanted.sort_by) is Kind.TEXT and wanted.sort_by not in _NUMBERS
        column = name(wanted.sort_by)
        keys = [SortKey(f"lower({column})" if is_text else column, direction)]
    return [*keys, SortKey("segment"), SortKey("row")]


def before(keys: Sequence[SortKey], values: Sequence[Any]) -> Condition:
    """Hits before the one with these values of the keys.

    A further key is looked at only for hits that equal in those before it. True or false, never
    NULL.
    """
    is_before, is_equal = keys[0].before(values[0]), keys[0].equal_to(values[0])
    rest = before(keys[1:], values[1:]) if keys[1:] else Condition("false")
    return Condition(
        f"CASE WHEN {is_before.sql} THEN true WHEN {is_equal.sql} THEN {rest.sql} ELSE false END",
        (*is_before.values, *is_equal.values, *rest.values),
    )
