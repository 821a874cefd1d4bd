"""`python -m local.functions_host --app DIR`: serve an app until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from local.functions_host.clock import SystemClock
from local.functions_host.functions import Function, load
from local.functions_host.host import RunningHost, serving
from local.functions_host.settings import CannotStart, read_host_options, take_local_settings


async def serve(app: Path, port: int, state: Path, client_url: str = "") -> int:
    """Serve the app in a folder until asked to end: 0; or until it cannot go on: 1.

    Raises CannotStart.
    """
    take_local_settings(app)
    options = read_host_options(app)
    functions = load(app)
    enough = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, enough.set)
    overdue = Overdue(port)
    async with serving(
        functions, options, state, SystemClock(), port, overdue, client_url
    ) as running:
        overdue.port = URL(running.url).port or port
        _announce(running, functions)
        asked = asyncio.create_task(enough.wait())
        done, _ = await asyncio.wait({asked, *running.parts}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if asked in done else 1


def _announce(running: RunningHost, functions: Sequence[Function]) -> None:
    for one in running.http.served:
        print(
            f"  {one.function.name}: [{','.join(one.methods)}] {running.url}/{one.route.template}"
        )
    for function in functions:
        if function.kind.lower() != "httptrigger":
            print(f"  {function.name}: {function.kind}")
    print(f"ready {running.url}", flush=True)


@dataclass
class Overdue:
    """A function that outlives the timeout takes its worker with it, on Azure as here."""

    port: int

    def __call__(self, name: str) -> None:
        logging.getLogger("host").error("%s outlived functionTimeout: the host starts again", name)
        sys.stdout.flush()
        os.execv(sys.executable, [*sys.orig_argv, "--port", str(self.port)])


def _log(level: int) -> None:
    """Lines on stdout for people: of others than the host and the app only the troubles."""
    form = "%(asctime)s.%(msecs)03d %(message)s"
    logging.basicConfig(stream=sys.stdout, format=form, datefmt="%H:%M:%S", level=logging.INFO)
    logging.getLogger("host").setLevel(level)
    for chatty in ("azure", "aiohttp", "asyncio", "urllib3", "kubernetes"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="the folder of function_app.py")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--state", type=Path, help="the file that orchestrations are kept in")
    parser.add_argument("--client-url", default="", help="where durable clients find this host")
    parser.add_argument("--verbose", action="store_true", help="a line for each replay, too")
    chosen = parser.parse_args()
    app = chosen.app.resolve()
    state = chosen.state or app / ".state" / "functions_host.sqlite"
    _log(logging.DEBUG if chosen.verbose else logging.INFO)
    try:
        return asyncio.run(serve(app, chosen.port, state.resolve(), chosen.client_url))
    except CannotStart as fault:
        sys.stderr.write(f"{fault}\n")
        return 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # a function that still blocks a thread does not hold up the end
