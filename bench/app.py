"""The app under test: the host over Azurite, an HTTP client, and counts of storage calls."""

import json
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import urllib3

from bench import figures
from local.app_only import start_app_only
from local.azurite import ACCOUNT, Azurite, start_azurite
from local.processes import Child
from shared.clients.blobs import open_blobs
from shared.contracts.storage_urls import DATABASES, StorageAccount

MAX_CLIENTS = 64
BODY = {"program": "blastn", "db": "bench", "query_data": ">q\nACGTACGTACGTACGT\n"}
_TABLES = re.compile(r'"[A-Z]+ /devstoreaccount1/(?:blastjobs|blastindex|\$batch)')
_QUEUES = re.compile(r'"[A-Z]+ /devstoreaccount1/[a-z-]+/messages')
_CALLS = re.compile(r'"[A-Z]+ /devstoreaccount1')


class TimedApi:
    """An HTTP client of the app that times its requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(maxsize=MAX_CLIENTS, retries=False, timeout=60)

    def timed(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[float, Any]:
        """Milliseconds and the JSON of a request; None for a 304.

        RuntimeError for any other status of 300 or more.
        """
        started_at = time.perf_counter()
        data = None if body is None else json.dumps(body)
        answer = self.pool.request(method, f"{self.url}/api/{path}", body=data, headers=headers)
        took = (time.perf_counter() - started_at) * 1000
        if answer.status >= 300 and answer.status != 304:
            raise RuntimeError(f"{method} {path} returned {answer.status}: {answer.data!r}")
        return took, json.loads(answer.data) if answer.data else None

    def etag(self, path: str) -> str:
        return self.pool.request("GET", f"{self.url}/api/{path}").headers["ETag"]


class AppUnderTest(TimedApi):
    """The running app, and an HTTP client for it."""

    def __init__(self, host: Child, azurite: Azurite) -> None:
        super().__init__(host.url)
        self.host, self.azurite = host, azurite

    def cpu_seconds(self) -> tuple[float, float]:
        """The processor time of the app with its host, and of Azurite, so far."""
        return figures.cpu_seconds(self.host), figures.cpu_seconds(self.azurite.child)

    def table_calls(self) -> int:
        """The number of Table requests in Azurite's log, once it no longer grows."""
        pause, before = threading.Event(), -1
        while (now := self.storage_calls()["tables"]) != before:
            before = now
            pause.wait(0.5)
        return now

    def storage_calls(self) -> Counter[str]:
        """The requests in Azurite's log: of Tables, for messages of queues, and all others."""
        log = self.azurite.child.log.read_text()
        tables, queues = len(_TABLES.findall(log)), len(_QUEUES.findall(log))
        others = len(_CALLS.findall(log)) - tables - queues
        return Counter(tables=tables, queues=queues, others=others)


@contextmanager
def running_app(
    workers: int = 1,
    servers: str = "",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[AppUnderTest]:
    """The app, as `start_app_only` starts it, with data of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        azurite = start_azurite(folder / "azurite", folder / "azurite.log")
        try:
            host = start_app_only(azurite, folder, workers, servers, settings)
            try:
                yield AppUnderTest(host, azurite)
            finally:
                host.stop()
        finally:
            azurite.child.stop()


async def put_database(azurite: Azurite) -> None:
    """Upload the files of the database that BODY names."""
    blobs = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    await blobs.ensure(DATABASES)
    for part in ("nhr", "nin", "nsq"):
        await blobs.put(StorageAccount(ACCOUNT).url(DATABASES, f"bench/bench.{part}"), b"0")
    await blobs.aclose()
