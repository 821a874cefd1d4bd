"""The app in the functions host over Azurite, without a sidecar and a cluster."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from local.app_only import start_app_only
from local.azurite import ACCOUNT, Azurite
from local.demo.client import Api
from local.processes import Child
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import open_table
from shared.contracts.storage_urls import StorageAccount
from shared.dependencies import INDEX_TABLE, JOBS_TABLE, now
from shared.jobs import Index, JobStateRepository
from tests.support.samples import RECONCILE_AFTER


@dataclass
class RunningApp:
    """The running app and its storage."""

    host: Child
    azurite: Azurite
    jobs: JobStateRepository
    blobs: Blobs
    account: StorageAccount

    @property
    def url(self) -> str:
        return self.host.url

    @property
    def api(self) -> Api:
        return Api(self.url)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the response."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        with urllib3.PoolManager(retries=False) as pool:
            return pool.request(
                method, f"{self.url}/api/{path}", body=body, headers=named, timeout=60
            )

    def submit(self, **changes: Any) -> str:
        body = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"} | changes
        job_id: str = self.api.submit(body)["job_id"]
        return job_id


@pytest.fixture(scope="session")
async def running_app(
    azurite: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningApp]:
    host = start_app_only(azurite, tmp_path_factory.mktemp("door"))
    try:
        result = await opened(host, azurite)
        await put_databases(
            result.blobs, result.account
        )  # before the first request: the list is cached
        yield result
    finally:
        host.stop()


async def opened(host: Child, azurite: Azurite) -> RunningApp:
    """The app's store, opened a second time."""
    tables = [
        open_table(name, azurite.connection_string, "", None) for name in (JOBS_TABLE, INDEX_TABLE)
    ]
    jobs = JobStateRepository(tables[0], Index(tables[1], RECONCILE_AFTER), now)
    await jobs.ensure()
    account = StorageAccount(ACCOUNT)
    blobs = open_blobs(account, azurite.connection_string, None)
    await blobs.ensure("queries", "blast-db", "results")
    return RunningApp(host, azurite, jobs, blobs, account)


async def put_databases(blobs: Blobs, account: StorageAccount) -> None:
    """Put a nucleotide, a protein, an incomplete database and one in a folder; and shards.

    Of nucs there are two shards, and two of three.
    """
    root = account.url("blast-db", "")
    for stem in ("nucs/nucs.n", "prots/prots.p", "custom/db/mine.n"):
        for part in ("hr", "in", "sq"):
            await blobs.put(f"{root}{stem}{part}", b"1234")
    metadata = {
        "description": "Nucs",
        "number-of-sequences": 3,
        "number-of-letters": 40,
        "last-updated": "2026-05-01",
    }
    await blobs.put(f"{root}nucs/nucs-nucl-metadata.json", json.dumps(metadata).encode())
    await blobs.put(f"{root}half/half.nsq", b"1")
    for folder, shards in (("2shards/nucs", 2), ("3shards/nucs", 2), ("custom/2shards/mine", 2)):
        for shard in (f"{folder}_shard_{number:02d}" for number in range(shards)):
            for ending in ("manifest", "nal"):
                name = shard.rpartition("/")[2]
                await blobs.put(f"{root}{shard}/{name}.{ending}", b"nucs.00\n")
