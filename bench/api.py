"""The door: accepts per second, one status read, and one page out of many jobs of one owner."""

import argparse
import json
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
from shared.clients.blobs import open_blobs
from shared.clients.tables import LARGEST_TRANSACTION, Insert, open_table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.storage_urls import DATABASES, StorageAccount
from shared.dependencies import INDEX_TABLE
from shared.jobs import rows
from tests.support.samples import job
from triggers.auth.callers import LOCAL

CLIENTS = (1, 4, 16)
SECONDS = 8.0
"""How long each number of clients submits."""
READS = 50
MOST_ROWS_SECONDS = 240.0
"""Making rows stops after so long, and says how many there are."""
BODY = {"program": "blastn", "db": "bench", "query_data": ">q\nACGTACGTACGTACGT\n"}
P95_BUDGET, RATE_BUDGET = 200.0, 50.0
"""Milliseconds; accepts a second."""
_TABLES = re.compile(r'"[A-Z]+ /devstoreaccount1/(?:blastjobs|blastindex|\$batch)')


@dataclass(frozen=True)
class Stand:
    """The app alone, and how it is asked."""

    url: str
    azurite: Azurite
    pool: urllib3.PoolManager

    def timed(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Milliseconds, and the answer. Raises RuntimeError for one that is no success."""
        began = time.perf_counter()
        data = None if body is None else json.dumps(body)
        answer = self.pool.request(method, f"{self.url}/api/{path}", body=data)
        took = (time.perf_counter() - began) * 1000
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {answer.data!r}")
        return took, json.loads(answer.data)

    def table_calls(self) -> int:
        """How many requests Tables has logged so far, once no more of them appear."""
        pause, before = threading.Event(), -1
        while (now := len(_TABLES.findall(self.azurite.child.log.read_text()))) != before:
            before = now
            pause.wait(0.5)
        return now


def main() -> int:
    """Measure, and print each figure beside its budget."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--jobs", type=int, default=5000, help="jobs that the page is out of")
    many = reading.parse_args().jobs
    print(f"{'what':44} {'measured':>45}   budget")
    with standing() as stand:
        put_database(stand.azurite)
        status_read(stand)
        for clients in CLIENTS:
            accepts(stand, clients)
    # Apart: Azurite saves all its rows every few seconds, and answers nobody meanwhile.
    with standing() as stand:
        page_of(stand, many)
    return 0


@contextmanager
def standing() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        azurite = start_azurite(folder / "azurite", folder / "azurite.log")
        try:
            host = start_app_only(azurite, folder)
            try:
                pool = urllib3.PoolManager(maxsize=max(CLIENTS), retries=False, timeout=60)
                yield Stand(host.url, azurite, pool)
            finally:
                host.stop()
        finally:
            azurite.child.stop()


def page_of(stand: Stand, many: int) -> None:
    stand.timed("GET", "blast/jobs")  # the tables exist behind it
    made, took = fill(stand.azurite, many)
    print(f"  ({made} rows were made in {took:.0f} s)")
    size = measured(stand, lambda: stand.timed("GET", "blast/jobs?limit=50"), 20)
    show(f"a page of 50 out of {made} jobs", *size, budget="1 call")
    found = stand.timed("GET", "blast/jobs?limit=50&status=failed")[1]["page"]["returned"]
    size = measured(stand, lambda: stand.timed("GET", "blast/jobs?limit=50&status=failed"), 5)
    show(f"the same, only failed ones ({found} of 1 in 100)", *size, budget="")


def status_read(stand: Stand) -> None:
    job_id = stand.timed("POST", "blast/jobs", BODY)[1]["job_id"]
    # Its orchestration rests from then on, and makes no calls that would be counted.
    until(Api(stand.url), job_id, lambda one: one["phase"] == "retrying", 60)
    for path in (f"blast/jobs/{job_id}", f"blast/submit/{job_id}/status"):
        size = measured(stand, lambda path=path: stand.timed("GET", path), READS)  # type: ignore[misc]
        show(f"a read of {path.partition(job_id)[0]}…", *size, budget="1 call")


def measured(
    stand: Stand, ask: Callable[[], tuple[float, Any]], times: int
) -> tuple[list[float], float]:
    """Milliseconds of each, and how many Table calls one made."""
    before = stand.table_calls()
    took = [ask()[0] for _ in range(times)]
    return took, (stand.table_calls() - before) / times


def accepts(stand: Stand, clients: int) -> None:
    before = stand.table_calls()
    end = time.monotonic() + SECONDS

    def submit(_: int) -> list[float]:
        took = []
        while time.monotonic() < end:
            took.append(stand.timed("POST", "blast/jobs", BODY)[0])
        return took

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as hands:
        took = [one for its in hands.map(submit, range(clients)) for one in its]
    rate = len(took) / (time.monotonic() - began)
    calls = (stand.table_calls() - before) / len(took)  # with those of its first two steps
    budget = f"p95 {P95_BUDGET:.0f} ms, {RATE_BUDGET:.0f}/s"
    show(f"accept, {clients} clients", took, calls, budget, f"{rate:.1f}/s, ")


def show(what: str, took: list[float], calls: float, budget: str, more: str = "") -> None:
    text = f"{more}{calls:.3g} Table calls, p50 {median(took):.0f} p95 {p95(took):.0f} ms"
    print(f"{what:44} {text:>45}   {budget}", flush=True)


def p95(took: list[float]) -> float:
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def put_database(azurite: Azurite) -> None:
    """A database whose kind is known, as that of a real one is."""
    blobs = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    blobs.ensure(DATABASES)
    for part in ("nhr", "nin", "nsq"):
        blobs.put(StorageAccount(ACCOUNT).url(DATABASES, f"bench/bench.{part}"), b"0")


def fill(azurite: Azurite, many: int) -> tuple[int, float]:
    """Put jobs of one owner straight into the list; how many, and the seconds that it took."""
    table = open_table(INDEX_TABLE, azurite.connection_string, "", None)
    began = time.monotonic()
    for first in range(0, many, LARGEST_TRANSACTION):
        if time.monotonic() - began > MOST_ROWS_SECONDS:
            return first, time.monotonic() - began
        numbers = range(first, min(first + LARGEST_TRANSACTION, many))
        table.commit([Insert(rows.list_row(listed(number))) for number in numbers])
    return many, time.monotonic() - began


def listed(number: int) -> Job:
    """A job that ended some time ago; of each hundred one has failed."""
    at = datetime.now(UTC) - timedelta(days=1, seconds=number)
    phase = Phase.COMPLETED if number % 100 else Phase.SEARCH_FAILED
    return replace(job(number, owner=LOCAL, phase=phase), created_at=at, finished_at=at)


if __name__ == "__main__":
    sys.exit(main())
