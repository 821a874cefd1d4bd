"""The HTTP API: accepts per second, reads, 304s, one step, and one page of many jobs of one owner.

python -m bench.api [--jobs 5000] [--workers 1]
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import figures
from bench.app import BODY, AppUnderTest, TimedApi, put_database, running_app
from local.azurite import Azurite
from local.demo.client import Api
from local.demo.polling import until
from shared.clients.tables import LARGEST_TRANSACTION, Insert, open_table
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.dependencies import INDEX_TABLE
from shared.jobs import rows
from tests.support.samples import job
from triggers.auth.callers import LOCAL

CLIENTS = (1, 4, 16, 64)
SECONDS = 8.0
"""Duration of the submissions with each number of clients."""
READS, STEPS = 200, 20
MAX_FILL_SECONDS = 150.0
"""Creating rows stops after this time; the number of rows is printed."""
BUDGETS = {1: "p95 200 ms", 16: "50/s"}
"""Of accepting, by the number of clients."""


async def main(job_count: int = 5000, workers: int = 1) -> int:
    """Measure, and print each figure beside its budget."""
    figures.title()
    with running_app(workers) as app:
        await put_database(app.azurite)
        reads(app)
        step_latency(app)
        for clients in CLIENTS:
            accepts(app, clients)
    # Separate, because Azurite saves all rows every few seconds and blocks meanwhile.
    with running_app(workers) as app:
        await page_of(app, job_count)
    return 0


async def page_of(app: AppUnderTest, job_count: int) -> None:
    app.timed("GET", "blast/jobs")  # creates the tables
    made, took = await fill(app.azurite, job_count)
    print(f"  ({made} rows were created in {took:.0f} s)")
    show(app, f"a page of 50 of {made} jobs", lambda: app.timed("GET", "blast/jobs?limit=50"), 20)
    failed = "blast/jobs?limit=50&status=failed"
    returned = app.timed("GET", failed)[1]["page"]["returned"]
    label = f"the same, only failed ones, one in 100: {returned} found"
    show(app, label, lambda: app.timed("GET", failed), 5)


def reads(app: AppUnderTest) -> None:
    job_id = retrying(app)
    for path in (f"blast/jobs/{job_id}", f"blast/submit/{job_id}/status"):
        label = f"a read of {path.partition(job_id)[0]}…"
        show(app, label, lambda path=path: app.timed("GET", path), READS)  # type: ignore[misc]
    path = f"blast/jobs/{job_id}"
    unchanged = {"If-None-Match": app.etag(path)}
    if app.timed("GET", path, headers=unchanged)[1] is not None:
        raise RuntimeError("a job that has not changed was sent again")
    show(app, "a 304 of the same", lambda: app.timed("GET", path, headers=unchanged), READS)


def retrying(app: AppUnderTest) -> str:
    """A job whose orchestration waits, and makes no calls that would be counted."""
    job_id: str = app.timed("POST", "blast/jobs", BODY)[1]["job_id"]
    until(Api(app.url), job_id, lambda job: job["exact_phase"] == "retrying", 60)
    return job_id


def step_latency(app: AppUnderTest) -> None:
    """From the acceptance to the record of the first step, and from there to the second's."""
    first, second = [], []
    for _ in range(STEPS):
        events = app.timed("GET", f"blast/jobs/{retrying(app)}/events")[1]["events"]
        ended = {event["event"]: datetime.fromisoformat(event["timestamp"]) for event in events}
        first.append((ended["config_written"] - ended["accepted"]).total_seconds() * 1000)
        second.append((ended["retry_scheduled"] - ended["config_written"]).total_seconds() * 1000)
    figures.show("from accepted to prepared", figures.times(first))
    figures.show("from there to a submission that finds no cluster", figures.times(second))


def show(app: AppUnderTest, label: str, call: Callable[[], tuple[float, Any]], times: int) -> None:
    """Time a call, and count its Table calls and its processor time."""
    before, cpu = app.table_calls(), app.cpu_seconds()
    took = [call()[0] for _ in range(times)]
    used = per_call(app, cpu, times)
    calls = (app.table_calls() - before) / times
    figures.show(label, f"{calls:.3g} Table calls, {figures.times(took)}, {used}", "1 call")


def per_call(app: AppUnderTest, before: tuple[float, float], times: int) -> str:
    """The processor time since `before`, divided."""
    host, azurite = (
        (now - then) * 1000 / times for now, then in zip(app.cpu_seconds(), before, strict=True)
    )
    return f"CPU {host:.1f} + {azurite:.1f} ms"


def accepts(app: AppUnderTest, clients: int) -> None:
    before, cpu = app.table_calls(), app.cpu_seconds()
    started_at = time.monotonic()
    took = submissions(app, clients, SECONDS)
    rate = len(took) / (time.monotonic() - started_at)
    calls = (app.table_calls() - before) / len(took)  # waits for the first two steps
    with_steps = len(took) / (time.monotonic() - started_at)
    text = f"{rate:.1f}/s ({with_steps:.1f} with steps), {calls:.3g} Table calls"
    text += f", {figures.times(took)}, {per_call(app, cpu, len(took))}"
    figures.show(f"accept, clients: {clients}", text, BUDGETS.get(clients, ""))


def submissions(api: TimedApi, clients: int, seconds: float) -> list[float]:
    """Submit searches for so long; returns the milliseconds of each."""
    end = time.monotonic() + seconds

    def submit(_: int) -> list[float]:
        took = []
        while time.monotonic() < end:
            took.append(api.timed("POST", "blast/jobs", BODY)[0])
        return took

    with ThreadPoolExecutor(clients) as pool:
        return [ms for client_times in pool.map(submit, range(clients)) for ms in client_times]


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
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--jobs", type=int, default=5000, help="number of jobs in the list")
    reading.add_argument("--workers", type=int, default=1, help="processes that run the functions")
    given = reading.parse_args()
    sys.exit(asyncio.run(main(given.jobs, given.workers)))
