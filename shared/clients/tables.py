"""Azure Table Storage: the operations that the job store needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import (
    TableClient,
    TableTransactionError,
    TransactionOperation,
    UpdateMode,
)

from shared.clients.azure_errors import CLIENT_OPTIONS, is_table_missing, translate_errors

Columns = Mapping[str, Any]
LARGEST_PAGE = 1000
"""Most rows in one response of Tables."""
LARGEST_TRANSACTION = 100
"""Most writes in one transaction of Tables."""


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

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ensure(self) -> None:
        """Create the table if it does not exist."""
        with translate_errors("Tables"):
            try:
                self._client.create_table()
            except ResourceExistsError:
                return

    def get(self, partition: str, key: str) -> Row | None:
        """One row by a point read, or None if it does not exist."""
        with translate_errors("Tables"):
            try:
                entity = self._client.get_entity(partition, key)
            except ResourceNotFoundError as error:
                if is_table_missing(error):
                    raise
                return None
        return Row(entity, str(entity.metadata["etag"]))

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes in one transaction: at most LARGEST_TRANSACTION, of one partition.

        Raises ConcurrencyConflict if one of them conflicts; then none is applied.
        """
        with translate_errors("Tables"):
            try:
                self._client.submit_transaction([_operation(write) for write in writes])
            except TableTransactionError as error:
                if error.status_code in (404, 409, 412) and not is_table_missing(error):
                    raise ConcurrencyConflict from error
                raise
            except (ResourceExistsError, ResourceModifiedError) as error:
                raise ConcurrencyConflict from error

    def write(self, write: Insert | Replace) -> None:
        """Apply one write. Raises ConcurrencyConflict.

        Takes half the time of a transaction of one, which the SDK encodes as multipart MIME.
        """
        with translate_errors("Tables"):
            try:
                if isinstance(write, Insert):
                    self._client.create_entity(write.columns)
                else:
                    condition = _if_match(write.etag)
                    self._client.update_entity(write.columns, mode=UpdateMode.REPLACE, **condition)
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                if is_table_missing(error):
                    raise
                raise ConcurrencyConflict from error

    def upsert(self, columns: Columns) -> None:
        """Create or replace a row unconditionally."""
        with translate_errors("Tables"):
            self._client.upsert_entity(columns, mode=UpdateMode.REPLACE)

    def delete(self, partition: str, key: str) -> None:
        """Delete a row if it exists."""
        with translate_errors("Tables"):
            self._client.delete_entity(partition, key)

    def query_page(self, where: str, values: Columns, size: int) -> list[Row]:
        """The first `size` rows in key order that match an OData filter with `@name` parameters."""
        return list(islice(self.query(where, values, size=size), size))

    def query(
        self,
        where: str,
        values: Columns,
        columns: Sequence[str] | None = None,
        size: int = LARGEST_PAGE,
    ) -> Iterator[Row]:
        """Every row in key order that matches the filter, read `size` rows per request.

        Reads only `columns`, or all of them if None.
        """
        with translate_errors("Tables"):
            # A response can have fewer rows, or none, and a continuation; the SDK follows it.
            entities = self._client.query_entities(
                where,
                parameters=dict(values),
                results_per_page=size,
                select=list(columns) if columns else None,
            )
            for entity in entities:
                yield Row(entity, str(entity.metadata["etag"]))


def open_table(
    name: str, connection: str, endpoint: str, credential: TokenCredential | None
) -> Table:
    """A client that uses the connection string if there is one, else the credential."""
    # Not by way of a TableServiceClient: its table clients do not close their connections.
    return Table(
        TableClient.from_connection_string(connection, name, **CLIENT_OPTIONS)
        if connection or credential is None
        else TableClient(endpoint, name, credential=credential, **CLIENT_OPTIONS)
    )


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
