"""The HTTP API: accepts per second, one status read, and one page of many jobs of one owner."""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import urllib3

from local.app_only import start_app_only
from local.azurite import ACCOUNT, Azurite, start_azurite
from local.demo.client import Api
from local.demo.polling import until
from local.processes import Child
from shared.clients.blobs import open_blobs
from shared.clients.tables import LARGEST_TRANSACTION, Insert, open_table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.storage_urls import DATABASES, StorageAccount
from shared.dependencies import INDEX_TABLE
from shared.jobs import rows
from tests.support.samples import job
from triggers.auth.callers import LOCAL

CLIENTS = (1, 4, 16, 64)
SECONDS = 8.0
"""Duration of the submissions with each number of clients."""
READS = 50
MAX_FILL_SECONDS = 240.0
"""Creating rows stops after this time; the number of rows is printed."""
BODY = {"program": "blastn", "db": "bench", "query_data": ">q\nACGTACGTACGTACGT\n"}
P95_BUDGET, RATE_BUDGET = 200.0, 50.0
"""Milliseconds; accepts a second."""
_TABLES = re.compile(r'"[A-Z]+ /devstoreaccount1/(?:blastjobs|blastindex|\$batch)')


@dataclass(frozen=True)
class AppUnderTest:
    """The app without sidecar and cluster, and an HTTP client for it."""

    host: Child
    azurite: Azurite
    pool: urllib3.PoolManager

    @property
    def url(self) -> str:
        return self.host.url

    def cpu_seconds(self) -> tuple[float, float]:
        """The processor time of the app with its host, and of Azurite, so far."""
        return _cpu_seconds(self.host), _cpu_seconds(self.azurite.child)

    def timed(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Milliseconds and the JSON of a request. RuntimeError for a status of 300 or more."""
        started_at = time.perf_counter()
        data = None if body is None else json.dumps(body)
        answer = self.pool.request(method, f"{self.url}/api/{path}", body=data)
        took = (time.perf_counter() - started_at) * 1000
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} returned {answer.status}: {answer.data!r}")
        return took, json.loads(answer.data)

    def table_calls(self) -> int:
        """The number of Table requests in Azurite's log, once it no longer grows."""
        pause, before = threading.Event(), -1
        while (now := len(_TABLES.findall(self.azurite.child.log.read_text()))) != before:
            before = now
            pause.wait(0.5)
        return now


async def main() -> int:
    """Measure, and print each figure beside its budget."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--jobs", type=int, default=5000, help="number of jobs in the list")
    job_count = reading.parse_args().jobs
    print(f"{'what':44} {'measured':>45}   budget")
    with running_app() as app:
        await put_database(app.azurite)
        status_read(app)
        for clients in CLIENTS:
            accepts(app, clients)
    # Separate, because Azurite saves all rows every few seconds and blocks meanwhile.
    with running_app() as app:
        await page_of(app, job_count)
    return 0


@contextmanager
def running_app() -> Iterator[AppUnderTest]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        azurite = start_azurite(folder / "azurite", folder / "azurite.log")
        try:
            host = start_app_only(azurite, folder)
            try:
                pool = urllib3.PoolManager(maxsize=max(CLIENTS), retries=False, timeout=60)
                yield AppUnderTest(host, azurite, pool)
            finally:
                host.stop()
        finally:
            azurite.child.stop()


async def page_of(app: AppUnderTest, job_count: int) -> None:
    app.timed("GET", "blast/jobs")  # creates the tables
    made, took = await fill(app.azurite, job_count)
    print(f"  ({made} rows were created in {took:.0f} s)")
    size = measured(app, lambda: app.timed("GET", "blast/jobs?limit=50"), 20)
    show(f"a page of 50 of {made} jobs", *size, budget="1 call")
    returned = app.timed("GET", "blast/jobs?limit=50&status=failed")[1]["page"]["returned"]
    size = measured(app, lambda: app.timed("GET", "blast/jobs?limit=50&status=failed"), 5)
    show(f"the same, only failed ones ({returned} of 1 in 100)", *size, budget="")


def status_read(app: AppUnderTest) -> None:
    job_id = app.timed("POST", "blast/jobs", BODY)[1]["job_id"]
    # From then on its orchestration waits, and makes no calls that would be counted.
    until(Api(app.url), job_id, lambda job: job["phase"] == "retrying", 60)
    for path in (f"blast/jobs/{job_id}", f"blast/submit/{job_id}/status"):
        size = measured(app, lambda path=path: app.timed("GET", path), READS)  # type: ignore[misc]
        show(f"a read of {path.partition(job_id)[0]}…", *size, budget="1 call")


def measured(
    app: AppUnderTest, call: Callable[[], tuple[float, Any]], times: int
) -> tuple[list[float], float]:
    """Milliseconds of each call, and the average number of Table calls."""
    before = app.table_calls()
    took = [call()[0] for _ in range(times)]
    return took, (app.table_calls() - before) / times


def accepts(app: AppUnderTest, clients: int) -> None:
    before, cpu = app.table_calls(), app.cpu_seconds()
    end = time.monotonic() + SECONDS

    def submit(_: int) -> list[float]:
        took = []
        while time.monotonic() < end:
            took.append(app.timed("POST", "blast/jobs", BODY)[0])
        return took

    started_at = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        took = [ms for client_times in pool.map(submit, range(clients)) for ms in client_times]
    rate = len(took) / (time.monotonic() - started_at)
    calls = (app.table_calls() - before) / len(took)  # includes those of the first two steps
    budget = f"p95 {P95_BUDGET:.0f} ms, {RATE_BUDGET:.0f}/s"
    show(f"accept, {clients} clients", took, calls, budget, f"{rate:.1f}/s, ")
    seconds = zip(app.cpu_seconds(), cpu, strict=True)
    host, azurite = ((now - then) * 1000 / len(took) for now, then in seconds)
    print(f"  processor time of a job: app with its host {host:.1f} ms, Azurite {azurite:.1f} ms")


def show(label: str, took: list[float], calls: float, budget: str, prefix: str = "") -> None:
    text = f"{prefix}{calls:.3g} Table calls, p50 {median(took):.0f} p95 {p95(took):.0f} ms"
    print(f"{label:44} {text:>45}   {budget}", flush=True)


def _cpu_seconds(child: Child) -> float:
    """User and system time of a program, its threads included (Linux)."""
    fields = Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p95(took: list[float]) -> float:
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


async def put_database(azurite: Azurite) -> None:
    """Upload the files of a nucleotide database."""
    blobs = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    await blobs.ensure(DATABASES)
    for part in ("nhr", "nin", "nsq"):
        await blobs.put(StorageAccount(ACCOUNT).url(DATABASES, f"bench/bench.{part}"), b"0")
    await blobs.aclose()


async def fill(azurite: Azurite, job_count: int) -> tuple[int, float]:
    """Write list rows for jobs of one owner; returns their number and the seconds taken."""
    table = open_table(INDEX_TABLE, azurite.connection_string, "", None)
    started_at = time.monotonic()
    for first in range(0, job_count, LARGEST_TRANSACTION):
        if time.monotonic() - started_at > MAX_FILL_SECONDS:
            return first, time.monotonic() - started_at
        numbers = range(first, min(first + LARGEST_TRANSACTION, job_count))
        await table.commit([Insert(rows.list_row(listed(number))) for number in numbers])
    await table.aclose()
    return job_count, time.monotonic() - started_at


def listed(number: int) -> Job:
    """An ended job; one in a hundred has failed."""
    at = datetime.now(UTC) - timedelta(days=1, seconds=number)
    phase = Phase.COMPLETED if number % 100 else Phase.SEARCH_FAILED
    return replace(job(number, owner=LOCAL, phase=phase), created_at=at, finished_at=at)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
