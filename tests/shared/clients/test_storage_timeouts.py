"""I8: the timeouts and retries of the storage clients."""

import time
from contextlib import ExitStack

import pytest

from local.azurite import ACCOUNT, KEY
from shared.clients.blobs import open_blobs
from shared.clients.tables import open_table
from shared.contracts.storage_urls import StorageAccount
from shared.errors import Unavailable
from tests.support.misbehaving_server import misbehaving_server, responds

SECONDS = 8.0


@pytest.mark.parametrize("store", ["blob", "table"])
async def test_failure_15_a_busy_store_gets_three_attempts_within_seconds(store: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(misbehaving_server(responds("503 Server Busy", b"")))
        at = f"{server.url}/{ACCOUNT}"
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={at};TableEndpoint={at};"
        )
        started = time.monotonic()
        with pytest.raises(Unavailable):
            if store == "blob":
                account = StorageAccount(ACCOUNT, "core.windows.net")
                blobs = open_blobs(account, connection, None)
                await blobs.put(account.url("queries", "x.fa"), b"data")
            else:
                await open_table("jobs", connection, "", None).get("p", "k")
        assert time.monotonic() - started < SECONDS
        assert len(server.requests) == 3
