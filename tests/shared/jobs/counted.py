"""A table that counts what is asked of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from shared.clients.tables import Columns, Insert, Replace, Row, Table, Write


class Counted(Table):
    """A table that counts what is asked of it."""

    def __init__(self, real: Table, asked: Counter[str]) -> None:
        self.__dict__ |= real.__dict__
        self._asked = asked

    def get(self, partition: str, key: str) -> Row | None:
        self._asked["get"] += 1
        return super().get(partition, key)

    def commit(self, writes: Sequence[Write]) -> None:
        self._asked["commit"] += 1
        super().commit(writes)

    def write(self, write: Insert | Replace) -> None:
        self._asked["write"] += 1
        super().write(write)

    def upsert(self, columns: Columns) -> None:
        self._asked["upsert"] += 1
        super().upsert(columns)

    def delete(self, partition: str, key: str) -> None:
        self._asked["forget"] += 1
        super().delete(partition, key)

    def query(self, *arguments: Any, **named: Any) -> Iterator[Row]:
        self._asked["query"] += 1
        return super().query(*arguments, **named)
