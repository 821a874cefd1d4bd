"""Azure Tables, as far as the job store speaks it; the vendor's errors become ours here."""

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
    TableServiceClient,
    TableTransactionError,
    TransactionOperation,
    UpdateMode,
)

from shared.clients.azure_errors import CLIENT_OPTIONS, is_table_missing, translate_errors

Columns = Mapping[str, Any]
LARGEST_PAGE = 1000
"""Rows that Tables gives in one answer, at most."""
LARGEST_TRANSACTION = 100
"""Writes that Tables takes in one, at most."""


class ConcurrencyConflict(Exception):
    """A condition did not hold: the row is there already, or another writer was first."""


@dataclass(frozen=True)
class Row:
    """One entity, with the ETag that a later write can be conditioned on."""

    columns: Columns
    etag: str


@dataclass(frozen=True)
class Insert:
    """Write a row that must not be there yet."""

    columns: Columns


@dataclass(frozen=True)
class Replace:
    """Write a row over the one that had this ETag."""

    columns: Columns
    etag: str


@dataclass(frozen=True)
class Delete:
    """Remove a row: the one that had this ETag, or without one whatever it says."""

    partition: str
    key: str
    etag: str | None = None


Write = Insert | Replace | Delete


class Table:
    """One table. Every method raises Unavailable when the store cannot be asked."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def ensure(self) -> None:
        """Create the table unless it exists."""
        with translate_errors("Tables"):
            try:
                self._client.create_table()
            except ResourceExistsError:
                return

    def get(self, partition: str, key: str) -> Row | None:
        """One row by a point read, or None."""
        with translate_errors("Tables"):
            try:
                found = self._client.get_entity(partition, key)
            except ResourceNotFoundError as error:
                if is_table_missing(error):
                    raise
                return None
        return Row(found, str(found.metadata["etag"]))

    def commit(self, writes: Sequence[Write]) -> None:
        """All writes, at most 100 of one partition, or none. Raises Clash."""
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
        """One write. Raises Clash.

        A transaction of one would do the same, at twice the price: the SDK packs it into MIME.
        """
        with translate_errors("Tables"):
            try:
                if isinstance(write, Insert):
                    self._client.create_entity(write.columns)
                else:
                    only = _only(write.etag)
                    self._client.update_entity(write.columns, mode=UpdateMode.REPLACE, **only)
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                if is_table_missing(error):
                    raise
                raise ConcurrencyConflict from error

    def upsert(self, columns: Columns) -> None:
        """Write a row whatever was there."""
        with translate_errors("Tables"):
            self._client.upsert_entity(columns, mode=UpdateMode.REPLACE)

    def delete(self, partition: str, key: str) -> None:
        """Delete a row; already gone is as good."""
        with translate_errors("Tables"):
            self._client.delete_entity(partition, key)

    def query_page(self, where: str, values: Columns, size: int) -> list[Row]:
        """The first `size` rows, by key, that match an OData filter with `@name` parameters."""
        return list(islice(self.query(where, values, size=size), size))

    def query(
        self,
        where: str,
        values: Columns,
        columns: Sequence[str] | None = None,
        size: int = LARGEST_PAGE,
    ) -> Iterator[Row]:
        """Every row, by key, that matches the filter: `size` in one answer, these columns alone."""
        with translate_errors("Tables"):
            # An answer may come back short, or empty, with more behind it.
            found = self._client.query_entities(
                where,
                parameters=dict(values),
                results_per_page=size,
                select=list(columns) if columns else None,
            )
            for entity in found:
                yield Row(entity, str(entity.metadata["etag"]))


def open_table(
    name: str, connection: str, endpoint: str, credential: TokenCredential | None
) -> Table:
    """The table of that name: by connection string if there is one, else by identity."""
    service = (
        TableServiceClient.from_connection_string(connection, **CLIENT_OPTIONS)
        if connection or credential is None
        else TableServiceClient(endpoint, credential=credential, **CLIENT_OPTIONS)
    )
    return Table(service.get_table_client(name))


def _operation(write: Write) -> tuple[Any, ...]:
    if isinstance(write, Insert):
        return (TransactionOperation.CREATE, write.columns)
    if isinstance(write, Delete):
        key = {"PartitionKey": write.partition, "RowKey": write.key}
        return (TransactionOperation.DELETE, key, _only(write.etag) if write.etag else {})
    condition = {"mode": UpdateMode.REPLACE, **_only(write.etag)}
    return (TransactionOperation.UPDATE, write.columns, condition)


def _only(etag: str) -> dict[str, Any]:
    """The condition that a row is still the one that had this ETag."""
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}
