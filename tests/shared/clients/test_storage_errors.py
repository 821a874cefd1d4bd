"""Storage that refuses the app or lacks a table is an error for operators, not a bug."""

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError

from local.azurite import ACCOUNT, KEY, Azurite
from shared.clients.blobs import open_blobs
from shared.clients.queues import open_queue
from shared.clients.tables import Delete, Insert, Replace, Table, open_table
from shared.contracts.storage_urls import StorageAccount
from shared.errors import AccessRefused, Unavailable
from tests.support.misbehaving_server import misbehaving_server, responds

ROW = {"PartitionKey": "p", "RowKey": "r"}
URL = StorageAccount(ACCOUNT).url("queries", "secret/me.fa")


async def _blob(connection: str) -> object:
    return await open_blobs(StorageAccount(ACCOUNT), connection, None).get(URL)


async def _row(connection: str) -> object:
    return await open_table("jobs", connection, "", None).get("p", "r")


async def _transaction(connection: str) -> None:
    await open_table("jobs", connection, "", None).commit([Insert(ROW)])


async def _message(connection: str) -> None:
    await open_queue("letters", connection, "", None).send("{}")


@pytest.mark.parametrize("call", [_blob, _row, _transaction, _message])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "AuthorizationPermissionMismatch"),
        ("403 Forbidden", "AuthenticationFailed"),
        ("401 Unauthorized", "NoAuthenticationInformation"),
    ],
)
async def test_a_missing_role_is_logged_and_retryable(
    call: Callable[[str], Awaitable[object]],
    status: str,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with misbehaving_server(responds(status, b"", f"x-ms-error-code: {code}")) as server:
        at = f"{server.url}/{ACCOUNT}"
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={at};TableEndpoint={at};QueueEndpoint={at};"
        )
        with pytest.raises(AccessRefused) as caught:
            await call(connection)
    assert caught.value.code == "storage_unavailable"
    (record,) = [record for record in caplog.records if record.name == "blast"]
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("storage_access_refused store=")
    assert f": {status[:3]} {code} for " in record.getMessage()
    assert f" {at}/" in record.getMessage()
    assert "?" not in record.getMessage()


class NoIdentity(AsyncTokenCredential):
    """The credential of an app without an identity."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise ClientAuthenticationError("no identity here")

    async def close(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_missing_identity_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AccessRefused) as caught:
        await open_blobs(StorageAccount(ACCOUNT), "", NoIdentity()).get(URL)
    assert caught.value.code == "storage_unavailable"
    assert [record.getMessage() for record in caplog.records if record.name == "blast"] == [
        "storage_access_refused store=Blob: the app has no token (no identity here)"
    ]


CALLS: dict[str, Callable[[Table], Awaitable[object]]] = {
    "read": lambda table: table.get("p", "r"),
    "list": lambda table: table.query_first("PartitionKey eq @p", {"p": "p"}, 1),
    "insert": lambda table: table.write(Insert(ROW)),
    "replace": lambda table: table.write(Replace(ROW, "*")),
    "upsert": lambda table: table.upsert(ROW),
    "a transaction": lambda table: table.commit([Insert(ROW), Insert(ROW | {"RowKey": "s"})]),
    "a deletion": lambda table: table.commit([Delete("p", "r")]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_missing_table_is_not_a_missing_row(
    azurite: Azurite, call: Callable[[Table], Awaitable[object]]
) -> None:
    table = open_table(f"gone{uuid.uuid4().hex}", azurite.connection_string, "", None)
    with pytest.raises(Unavailable) as caught:
        await call(table)
    assert caught.value.code == "storage_unavailable"
