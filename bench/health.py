"""`/health`: its 99th percentile under load, and while every dependency is frozen."""

import asyncio
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import urllib3

from bench import figures
from bench.api import submissions
from bench.app import BODY, AppUnderTest, TimedApi, put_database, running_app

BUDGET = "p99 50 ms"
CLIENTS = 16
SECONDS = 10.0
STEPS_SECONDS = 4.0
"""In which steps of the accepted searches are taken all the time."""
INTERVAL = 0.02
"""Seconds between two requests."""
BACKLOG = 4096


async def main() -> int:
    figures.title()
    for workers in (1, 2):
        with running_app(workers) as app:
            await put_database(app.azurite)
            show(f"/health at rest, {workers} worker(s)", health_times(app))
            beside, after = loaded(app)
            show(f"/health beside {CLIENTS} submitting clients, {workers} worker(s)", beside)
            show(f"/health after them, while steps are taken, {workers} worker(s)", after)
    with black_hole() as servers, running_app(servers=servers) as app:
        await put_database(app.azurite)
        show("/health while storage, sidecar and cluster are frozen", frozen(app))
    return 0


def show(label: str, took: list[float]) -> None:
    text = f"{figures.times(took)}, p99 {figures.percentile(took, 99):.1f} ms of {len(took)}"
    figures.show(label, text, BUDGET)


def loaded(app: AppUnderTest) -> tuple[list[float], list[float]]:
    """The times of /health while clients submit searches, and after that.

    The clients are another process: in this one they would hold up the thread that measures.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(submit_for, app.url, 1.0).result()
        load = pool.submit(submit_for, app.url, SECONDS)
        beside = health_times(app)
        load.result()
        return beside, health_times(app, STEPS_SECONDS)


def submit_for(url: str, seconds: float) -> None:
    """Submit searches with all clients."""
    submissions(TimedApi(url), CLIENTS, seconds)


def frozen(app: AppUnderTest) -> list[float]:
    """The times of /health while clients submit searches and read jobs, and nothing answers them.

    Storage is stopped by SIGSTOP. Jobs that were accepted before wait for the sidecar.
    """
    submissions(app, CLIENTS, 2.0)
    azurite = app.azurite.child.process
    azurite.send_signal(signal.SIGSTOP)
    try:
        for number in range(CLIENTS):
            threading.Thread(target=_wait_in_vain, args=(app.url, number % 2), daemon=True).start()
        return health_times(app)
    finally:
        azurite.send_signal(signal.SIGCONT)


def _wait_in_vain(url: str, writes: int) -> None:
    """Send one request after the other for as long as the health is measured."""
    end = time.monotonic() + SECONDS
    with urllib3.PoolManager(retries=False, timeout=SECONDS) as pool:
        while time.monotonic() < end:
            try:
                if writes:
                    pool.request("POST", f"{url}/api/blast/jobs", json=BODY)
                else:
                    pool.request("GET", f"{url}/api/blast/jobs")
            except urllib3.exceptions.HTTPError:
                continue  # no answer, as is to be expected of frozen storage


def health_times(app: AppUnderTest, seconds: float = SECONDS) -> list[float]:
    """Milliseconds of each request."""
    pause, end, took = threading.Event(), time.monotonic() + seconds, []
    while time.monotonic() < end:
        took.append(app.timed("GET", "health")[0])
        pause.wait(INTERVAL)
    return took


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a server that accepts connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    figures.no_options(__doc__)
    sys.exit(asyncio.run(main()))
