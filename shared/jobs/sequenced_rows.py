"""Rows that several writers replace, and whose `sequence` says which of two states is later."""

from collections.abc import Awaitable, Callable

from shared.clients.tables import Columns, ConcurrencyConflict, Insert, Replace, Row, Table
from shared.errors import Unavailable
from shared.util.recent import Recent

MAX_CONFLICTS = 8
"""Attempts to write a row while other writers change it."""
MAX_REMEMBERED = 10_000
"""Rows whose ETag is kept, to replace them without a read."""


class SequencedRows:
    """Rows of one table. A row is replaced under its ETag, and never by an earlier state."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._written = Recent[tuple[str, str], Row](MAX_REMEMBERED)
        """The sequence and the ETag of rows that this process wrote, by partition and row key."""

    async def get(self, row: Columns) -> Row | None:
        """The stored row with the same key."""
        return await self._table.get(*_key(row))

    def last_written(self, row: Columns) -> Row | None:
        """The row as this process wrote it last, if that was an earlier state; only its sequence.

        Another process may have replaced it since: its ETag then fits no longer.
        """
        known = self._written.get(_key(row))
        return known if known and known.columns["sequence"] < row["sequence"] else None

    async def write(
        self,
        row: Columns,
        stored: Row | None,
        is_later: Callable[[Columns], bool],
        before_write: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Write a row in place of the stored one; False if `is_later` holds for that."""
        for _ in range(MAX_CONFLICTS):
            if stored and is_later(stored.columns):
                return False
            if before_write:
                await before_write()
            try:
                etag = await self._table.write(Replace(row, stored.etag) if stored else Insert(row))
            except ConcurrencyConflict:
                stored = await self.get(row)
            else:
                self._written.put(_key(row), Row({"sequence": row["sequence"]}, etag))
                return True
        text = f"too many writers change the row {row['PartitionKey']} {row['RowKey']}"
        raise Unavailable("concurrent_update", text)


def _key(row: Columns) -> tuple[str, str]:
    return row["PartitionKey"], row["RowKey"]
