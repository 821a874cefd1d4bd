"""`python -m local.functions_host --app DIR`: serve an app until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from local.functions_host.clock import SystemClock
from local.functions_host.functions import Function, load
from local.functions_host.host import RunningHost, serving
from local.functions_host.logs import log_to_stdout
from local.functions_host.settings import CannotStart, apply_local_settings, read_host_options
from local.functions_host.workers import WorkerPool, worker_pool


async def serve(
    app: Path,
    port: int,
    state: Path,
    client_url: str = "",
    workers: int = 1,
    second_app: Path | None = None,
) -> int:
    """Serve the app until a signal (returns 0) or until a part of the host fails (returns 1).

    Raises CannotStart.
    """
    apply_local_settings(app)
    options = read_host_options(app)
    functions = load(app)
    stop_requested = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop_requested.set)
    on_timeout = RestartOnTimeout(port)
    async with (
        _workers([app, second_app or app], workers) as pool,
        serving(
            functions, options, state, SystemClock(), port, on_timeout, client_url, pool
        ) as running,
    ):
        on_timeout.port = URL(running.url).port or port
        _print_functions(running, functions)
        stop_task = asyncio.create_task(stop_requested.wait())
        done, _ = await asyncio.wait(
            {stop_task, *running.parts}, return_when=asyncio.FIRST_COMPLETED
        )
        return 0 if stop_task in done else 1


def _workers(apps: Sequence[Path], count: int) -> AbstractAsyncContextManager[WorkerPool | None]:
    """Worker processes; none for one worker, which is this process."""
    return worker_pool(apps, count) if count > 1 else nullcontext()


def _print_functions(running: RunningHost, functions: Sequence[Function]) -> None:
    for http_function in running.http.served:
        methods = ",".join(http_function.methods)
        url = f"{running.url}/{http_function.route.template}"
        print(f"  {http_function.function.name}: [{methods}] {url}")
    for function in functions:
        if function.kind.lower() != "httptrigger":
            print(f"  {function.name}: {function.kind}")
    print(f"ready {running.url}", flush=True)


@dataclass
class RestartOnTimeout:
    """Restarts the host when a function exceeds functionTimeout, as Azure restarts the worker."""

    port: int

    def __call__(self, name: str) -> None:
        logging.getLogger("host").error("%s exceeded functionTimeout: the host restarts", name)
        sys.stdout.flush()
        os.execv(sys.executable, [*sys.orig_argv, "--port", str(self.port)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="the folder of function_app.py")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free port")
    parser.add_argument("--state", type=Path, help="the SQLite file of the orchestrations")
    parser.add_argument("--client-url", default="", help="the host's URL for durable clients")
    parser.add_argument(
        "--workers", type=int, default=1, help="the number of processes that run the functions"
    )
    parser.add_argument(
        "--second-app",
        type=Path,
        help="the folder of another version, which every second worker runs, as in an upgrade",
    )
    parser.add_argument("--verbose", action="store_true", help="log each replay, too")
    options_given = parser.parse_args()
    app = options_given.app.resolve()
    state = options_given.state or app / ".state" / "functions_host.sqlite"
    log_to_stdout(logging.DEBUG if options_given.verbose else logging.INFO)
    try:
        return asyncio.run(
            serve(
                app,
                options_given.port,
                state.resolve(),
                options_given.client_url,
                options_given.workers,
                options_given.second_app,
            )
        )
    except CannotStart as fault:
        sys.stderr.write(f"{fault}\n")
        return 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # do not wait for a function that still blocks a thread
