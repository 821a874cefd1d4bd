"""Azure Table Storage: the operations that the job store needs."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableTransactionError, TransactionOperation, UpdateMode
from azure.data.tables.aio import TableClient

from shared.clients.azure_errors import (
    CLIENT_OPTIONS,
    is_table_missing,
    read_pages,
    storage_call,
)

Columns = Mapping[str, Any]
LARGEST_PAGE = 1000
"""Most rows in one response of Tables."""
LARGEST_TRANSACTION = 100
"""Most writes in one transaction of Tables."""
_WITH_RETRIES: dict[str, Any] = {"retry_on_methods": frozenset({"POST"})}
"""SDK options of an insert and of a transaction. By itself the SDK sends a POST once, also where no
connection was made, and where storage has closed one that was kept. Both can be sent again: what
was written by a try whose response was lost is a conflict, as any other writer's would be."""


class ConcurrencyConflict(Exception):
    """The row exists already, or another writer changed it first."""


@dataclass(frozen=True)
class Row:
    """One entity, with the ETag for a conditional write."""

    columns: Columns
    etag: str


@dataclass(frozen=True)
class Insert:
    """Create a row; conflicts if it exists."""

    columns: Columns


@dataclass(frozen=True)
class Replace:
    """Replace a row; conflicts unless it has this ETag."""

    columns: Columns
    etag: str


@dataclass(frozen=True)
class Delete:
    """Delete a row; with an ETag, conflicts unless the row has it."""

    partition: str
    key: str
    etag: str | None = None


Write = Insert | Replace | Delete


class Table:
    """One table. Every method raises Unavailable if storage does not answer."""

    def __init__(self, client: TableClient, create_on_first_use: bool = False) -> None:
        self._client = client
        self._must_create = create_on_first_use

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ensure(self) -> None:
        """Create the table if it does not exist."""
        async with storage_call("Tables"):
            with suppress(ResourceExistsError):
                await self._client.create_table(**_WITH_RETRIES)
        self._must_create = False

    async def get(self, partition: str, key: str) -> Row | None:
        """One row by a point read, or None if it does not exist."""
        async with self._call():
            try:
                entity = await self._client.get_entity(partition, key)
            except ResourceNotFoundError as error:
                if is_table_missing(error):
                    raise
                return None
        return Row(entity, str(entity.metadata["etag"]))

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        """Apply all writes in one transaction: at most LARGEST_TRANSACTION, of one partition.

        Returns the rows' new ETags; empty for one that was deleted.
        Raises ConcurrencyConflict if one of them conflicts; then none is applied, unless this very
        call has applied all, and the response was lost.
        """
        async with self._call():
            try:
                operations = [_operation(write) for write in writes]
                written = await self._client.submit_transaction(operations, **_WITH_RETRIES)
                return [str(each.get("etag", "")) for each in written]
            except TableTransactionError as error:
                if error.status_code in (404, 409, 412) and not is_table_missing(error):
                    raise ConcurrencyConflict from error
                raise
            except (ResourceExistsError, ResourceModifiedError) as error:
                raise ConcurrencyConflict from error

    async def write(self, write: Insert | Replace) -> str:
        """Apply one write; returns the row's new ETag. Raises ConcurrencyConflict as `commit`.

        Takes half the time of a transaction of one, which the SDK encodes as multipart MIME.
        """
        async with self._call():
            try:
                if isinstance(write, Insert):
                    written = await self._client.create_entity(write.columns, **_WITH_RETRIES)
                else:
                    condition = _if_match(write.etag)
                    written = await self._client.update_entity(
                        write.columns, mode=UpdateMode.REPLACE, **condition
                    )
                return str(written["etag"])
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                if is_table_missing(error):
                    raise
                raise ConcurrencyConflict from error

    async def upsert(self, columns: Columns) -> None:
        """Create or replace a row unconditionally."""
        async with self._call():
            await self._client.upsert_entity(columns, mode=UpdateMode.REPLACE)

    async def delete(self, partition: str, key: str) -> None:
        """Delete a row if it exists."""
        async with self._call():
            await self._client.delete_entity(partition, key)

    async def query_first(
        self, where: str, values: Columns, most: int, columns: Sequence[str] | None = None
    ) -> list[Row]:
        """The first `most` rows in key order that match an OData filter with `@name` parameters."""
        found: list[Row] = []
        size = min(most, LARGEST_PAGE)
        async with aclosing(self.query(where, values, columns, size)) as matching:
            async for row in matching:
                found.append(row)
                if len(found) == most:
                    break
        return found

    async def query(
        self,
        where: str,
        values: Columns,
        columns: Sequence[str] | None = None,
        size: int = LARGEST_PAGE,
    ) -> AsyncGenerator[Row]:
        """Every row in key order that matches the filter, read `size` rows per request.

        Reads only `columns`, or all of them if None.
        """
        if self._must_create:
            await self.ensure()
        # A response can have fewer rows, or none, and a continuation; the SDK follows it.
        entities = self._client.query_entities(
            where,
            parameters=dict(values),
            results_per_page=size,
            select=list(columns) if columns else None,
        )
        async for page in read_pages("Tables", entities):
            for entity in page:
                yield Row(entity, str(entity.metadata["etag"]))

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Around each call: see `storage_call`."""
        if self._must_create:
            await self.ensure()
        async with storage_call("Tables"):
            yield


def open_table(
    name: str,
    connection: str,
    endpoint: str,
    credential: AsyncTokenCredential | None,
    *,
    create_on_first_use: bool = False,
) -> Table:
    """A client that uses the connection string if there is one, else the credential."""
    # Not by way of a TableServiceClient: its table clients do not close their connections.
    client = (
        TableClient.from_connection_string(connection, name, **CLIENT_OPTIONS)
        if connection or credential is None
        else TableClient(endpoint, name, credential=credential, **CLIENT_OPTIONS)
    )
    return Table(client, create_on_first_use)


def _operation(write: Write) -> tuple[Any, ...]:
    if isinstance(write, Insert):
        return (TransactionOperation.CREATE, write.columns)
    if isinstance(write, Delete):
        key = {"PartitionKey": write.partition, "RowKey": write.key}
        return (TransactionOperation.DELETE, key, _if_match(write.etag) if write.etag else {})
    condition = {"mode": UpdateMode.REPLACE, **_if_match(write.etag)}
    return (TransactionOperation.UPDATE, write.columns, condition)


def _if_match(etag: str) -> dict[str, Any]:
    """SDK options that make a write conditional on this ETag."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}
