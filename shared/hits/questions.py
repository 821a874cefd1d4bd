"""Answers questions about the hits of a search, from its index on disk."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.hits.filters import Condition, Filter, condition
from shared.hits.index import HitIndex
from shared.hits.pages import find_page
from shared.hits.relation import Relations
from shared.hits.sorting import PageOf

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]
MOST_QUERY_IDS = 1000
MOST_LISTED = 100
"""Queries that a condition names one by one."""


@dataclass(frozen=True)
class HitPage:
    """Some hits; `matching` is the number of those that pass the filter."""

    hits: list[Row]
    matching: int


@dataclass(frozen=True)
class HitsDatabase:
    """The hits of one search. One thread at a time asks it: see `limited_to`."""

    connection: "DuckDBPyConnection"
    index: HitIndex
    paths: Mapping[str, Path]

    @property
    def relations(self) -> Relations:
        """The relations of SQL."""
        return Relations(self.index, self.paths)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of every hit."""
        return self.relations.columns

    def page(self, wanted: PageOf) -> HitPage:
        """The hits of a page, with `file`, `query` and `coverage`."""
        if not self.index.hits:
            return HitPage([], 0)
        keys, matching = find_page(self, wanted)
        rows = {(row["segment"], row["row"]): row for row in self._fetch(keys)}
        return HitPage([rows[key] for key in keys], matching)

    def count(self, wanted: Filter) -> int:
        """The number of hits that pass the filter."""
        if wanted.is_empty or not self.index.hits:
            return self.index.hits
        where = self.where(wanted)
        sql = f"SELECT count(*) FROM ({self.hits_for(wanted)}) WHERE {where.sql}"
        return int(self.value(sql, where.values))

    def where(self, wanted: Filter) -> Condition:
        """The condition of a filter."""
        numbers = None if wanted.query_id is None else self._numbers_of(wanted.query_id)
        with_text = None if wanted.text is None else self._queries_with(wanted.text)
        return condition(wanted, self.index.columns, numbers, with_text)

    def hits_for(self, wanted: Filter) -> str:
        """The relation of hits with what the filter looks at."""
        return self.relations.hits(with_coverage=wanted.needs_coverage)

    def query_ids(self) -> list[str]:
        """The ids of the first queries with hits."""
        if not self.index.hits:
            return []
        sql = (
            f"SELECT qseqid FROM ({self.relations.queries()}) WHERE hits > 0"
            f" ORDER BY number LIMIT {MOST_QUERY_IDS}"
        )
        return [row["qseqid"] for row in self.rows(sql)]

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        found = self.connection.execute(sql, list(values))
        names = [each[0] for each in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The one value of a query's one row."""
        ((value,),) = self.connection.execute(sql, list(values)).fetchall()
        return value

    def pieces(self, sql: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """The values of a query's one column, `size` at a time."""
        found = self.connection.execute(sql, list(values))
        while rows := found.fetchmany(size):
            yield [row[0] for row in rows]

    @contextmanager
    def limited_to(self, seconds: float) -> "Iterator[HitsDatabase]":
        """The same hits, whose questions are interrupted after so many seconds in all."""
        own = self.connection.cursor()
        timer = threading.Timer(seconds, own.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield replace(self, connection=own)
        finally:
            timer.cancel()
            own.close()

    def _fetch(self, keys: Sequence[tuple[int, int]]) -> list[Row]:
        fetched: list[Row] = []
        for number in dict.fromkeys(segment for segment, _ in keys):
            listed = ", ".join(str(row) for segment, row in keys if segment == number)
            fetched += self.rows(self.relations.rows_of(number, listed))
        return fetched

    def _queries_with(self, text: str) -> Condition | None:
        """The condition for hits of queries whose ids have the text; None if there are none.

        There are far fewer queries than hits, so that their ids are looked at first.
        """
        if not self.index.hits:
            return None
        matching = (
            f"SELECT number FROM ({self.relations.queries()}) WHERE contains(lower(qseqid), ?)"
        )
        found = self.rows(f"{matching} LIMIT {MOST_LISTED + 1}", [text.lower()])
        if len(found) > MOST_LISTED:
            return Condition(f"query IN ({matching})", (text.lower(),))
        numbers = ", ".join(str(row["number"]) for row in found)
        return Condition(f"query IN ({numbers})") if numbers else None

    def _numbers_of(self, query_id: str) -> list[int]:
        sql = f"SELECT number FROM ({self.relations.queries()}) WHERE qseqid = ?"
        return [row["number"] for row in self.rows(sql, [query_id])] if self.index.hits else []
