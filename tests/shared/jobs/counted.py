"""A table that counts its requests."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from shared.clients.tables import Columns, Insert, Replace, Row, Table, Write


class Counted(Table):
    """Counts requests by operation in `requests`."""

    def __init__(self, real: Table, requests: Counter[str]) -> None:
        self.__dict__ |= real.__dict__
        self._requests = requests

    async def get(self, partition: str, key: str) -> Row | None:
        self._requests["get"] += 1
        return await super().get(partition, key)

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        self._requests["commit"] += 1
        return await super().commit(writes)

    async def write(self, write: Insert | Replace) -> str:
        self._requests["write"] += 1
        return await super().write(write)

    async def upsert(self, columns: Columns) -> None:
        self._requests["upsert"] += 1
        await super().upsert(columns)

    async def delete(self, partition: str, key: str) -> None:
        self._requests["forget"] += 1
        await super().delete(partition, key)

    def query(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Row]:
        self._requests["query"] += 1
        return super().query(*args, **kwargs)
