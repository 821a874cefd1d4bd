"""The local host alone: empty HTTP functions and activities, in its process and in two workers.

What an app takes beyond these figures is its own.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import urllib3

from bench import figures
from local.processes import Child, start
from local.stack import PROJECT

APP = Path(__file__).parent / "empty_app"
DURABLE = "runtime/webhooks/durabletask"
REQUESTS = 2000
CLIENTS = 16
STEPS, ORCHESTRATIONS, AT_ONCE = 20, 20, 4
POLL_SECONDS = 0.1
TIMEOUT = 60.0


def main() -> int:
    figures.title()
    for workers in (1, 2):
        with running(workers) as (child, pool):
            where = "in the host" if workers == 1 else f"{workers} workers"
            for function in ("empty", "empty_sync"):
                for clients in (1, CLIENTS):
                    requests(child, pool, function, clients, where)
            activities(child, pool, where)
    return 0


@contextmanager
def running(workers: int) -> Iterator[tuple[Child, urllib3.PoolManager]]:
    """A host of the empty app, and a client."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        argv = [sys.executable, "-m", "local.functions_host", "--app", str(APP), "--port", "0"]
        argv += ["--state", str(folder / "state.sqlite"), "--workers", str(workers)]
        child = start("host", argv, folder / "host.log", cwd=PROJECT)
        try:
            yield child, urllib3.PoolManager(maxsize=CLIENTS, retries=False, timeout=TIMEOUT)
        finally:
            child.stop()


def requests(
    child: Child, pool: urllib3.PoolManager, function: str, clients: int, where: str
) -> None:
    """Show the time and the processor time of requests to an empty function."""
    url = f"{child.url}/api/{function}"

    def ask(_: int) -> float:
        began = time.perf_counter()
        answer = pool.request("GET", url)
        if answer.status != 200:
            raise RuntimeError(f"{function} returned {answer.status}")
        return (time.perf_counter() - began) * 1000

    took, rate, cpu = measured(child, REQUESTS, lambda: each(ask, REQUESTS, clients))
    text = f"{rate:.0f}/s, {figures.times(took)}, {cpu:.2f} ms CPU"
    figures.show(f"{function}, {clients} clients, {where}", text)


def activities(child: Child, pool: urllib3.PoolManager, where: str) -> None:
    """Show the time and the processor time of a step: an activity and its orchestrator's turn."""
    url = f"{child.url}/{DURABLE}"

    pause = threading.Event()

    def run(number: int) -> float:
        began = time.perf_counter()
        started = pool.request(
            "POST",
            f"{url}/orchestrators/steps/{number}",
            body=json.dumps(json.dumps(STEPS)),  # as the SDK's client encodes an input
            headers={"Content-Type": "application/json"},
        )
        if started.status != 202:
            raise RuntimeError(f"the orchestration was not started: {started.status}")
        while (status := pool.request("GET", f"{url}/instances/{number}")).status == 202:
            pause.wait(POLL_SECONDS)
        if status.json()["runtimeStatus"] != "Completed":
            raise RuntimeError(f"the orchestration has failed: {status.data!r}")
        return (time.perf_counter() - began) * 1000 / STEPS

    total = ORCHESTRATIONS * STEPS
    took, rate, cpu = measured(child, total, lambda: each(run, ORCHESTRATIONS, AT_ONCE))
    text = f"{rate:.0f}/s, {figures.times(took)}, {cpu:.2f} ms CPU"
    figures.show(f"a step with an empty activity, {AT_ONCE} at once, {where}", text)


def each(act: Callable[[int], float], count: int, clients: int) -> list[float]:
    with ThreadPoolExecutor(clients) as threads:
        return list(threads.map(act, range(count)))


def measured(
    child: Child, count: int, act: Callable[[], list[float]]
) -> tuple[list[float], float, float]:
    """The times that `act` returns, the rate, and the milliseconds of processor time of each."""
    cpu, began = figures.cpu_seconds(child), time.monotonic()
    took = act()
    seconds = time.monotonic() - began
    return took, count / seconds, (figures.cpu_seconds(child) - cpu) * 1000 / count


if __name__ == "__main__":
    figures.no_options(__doc__)
    sys.exit(main())
