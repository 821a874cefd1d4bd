"""`python -m sidecar`: serve until SIGTERM or SIGINT, and leave nothing running behind."""

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from sidecar.admission import Admission
from sidecar.commands import Commands
from sidecar.leftovers import end_leftovers
from sidecar.log import complain, say
from sidecar.operations import Operations
from sidecar.records import Records
from sidecar.server import ExecServer
from sidecar.settings import Settings, SettingsError, read_settings

PURGE_SECONDS = 600
CLOSE_SECONDS = 2
"""How long answers may take to reach their clients at the end."""


class CannotServe(Exception):
    """The text says in one sentence why not."""


async def serve(settings: Settings, env: Mapping[str, str]) -> None:
    """Serve until told to end. Raises CannotServe."""
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    with _only_one(settings.state_dir):
        work = settings.state_dir / "work"
        leftovers = end_leftovers(work)
        shutil.rmtree(work, ignore_errors=True)
        admission = Admission(settings.max_concurrency, settings.rate_per_minute, time.monotonic)
        commands = Commands(settings, env, work, admission)
        records = Records(settings.state_dir / "operations")
        operations = Operations(records, commands, admission, lambda: datetime.now(UTC))
        runner = _runner(settings, ExecServer(settings, admission, commands, operations))
        url = await _listen(runner, settings)
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        say("started", max_concurrency=settings.max_concurrency, leftovers_ended=leftovers)
        purging = asyncio.create_task(_purge(operations, settings))
        await told_to_end.wait()
        purging.cancel()
        await commands.close()
        await operations.close()
        await runner.cleanup()
        say("ended")


def _runner(settings: Settings, server: ExecServer) -> web.AppRunner:
    return web.AppRunner(
        server.application(),
        handler_cancellation=True,
        # Runs from the moment a connection is made: the time a header may take.
        keepalive_timeout=settings.header_seconds,
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=CLOSE_SECONDS,
    )


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state folder: a second sidecar on it would end the commands of the first."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise CannotServe(f"another sidecar uses {state_dir} (EXEC_STATE_DIR)") from taken
        yield


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    """The address it listens at."""
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as fault:
        await runner.cleanup()
        where = f"{settings.host} port {settings.port}"
        raise CannotServe(f"cannot listen at {where}: {fault.strerror}") from fault
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _purge(operations: Operations, settings: Settings) -> None:
    while True:
        try:
            await operations.purge(timedelta(hours=settings.retention_hours))
        except OSError:
            complain("purge_failed")  # a disk that fails now may do so no more next time
        await asyncio.sleep(PURGE_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sidecar", description=__doc__)
    parser.add_argument("--port", help="overrides EXEC_PORT; 0 takes a free one")
    chosen = parser.parse_args().port
    env = {**os.environ, **({} if chosen is None else {"EXEC_PORT": chosen})}
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    # It quotes headers that it cannot read, and a token may be in them; we log our own faults.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
    try:
        asyncio.run(serve(read_settings(env), env))
    except (SettingsError, CannotServe, TimeoutError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
