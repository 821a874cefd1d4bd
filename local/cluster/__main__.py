"""`python -m local.cluster --token TOKEN --state DIR`: serve a cluster on this machine."""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

from aiohttp import web

from local.cluster.cluster import open_cluster
from local.cluster.server import application

_SHUTDOWN_SECONDS = 1.0
"""Seconds that open requests get at shutdown; watches never end by themselves."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--token", required=True, help="the token that every request must carry")
    parser.add_argument("--state", type=Path, required=True, help="folder of objects and files")
    parser.add_argument("--cpus", type=int, default=os.cpu_count() or 1, help="CPUs of the node")
    parser.add_argument("--job-quota", type=int, help="Jobs that a namespace can have")
    parser.add_argument(
        "--anonymous", action="store_true", help="serve requests without credentials too"
    )
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    cluster = open_cluster(options.state.resolve(), options.cpus, job_quota=options.job_quota)
    app = application(cluster, options.token, options.anonymous)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        stack.push_async_callback(runner.cleanup)
        # Accept connections, but serve them only after recovery, which would overwrite a change.
        listening = socket.create_server(("127.0.0.1", options.port))
        await cluster.start()
        await web.SockSite(runner, listening).start()
        port = runner.addresses[0][1]
        print(f"ready http://127.0.0.1:{port}", flush=True)
        print(f"cluster of one node with {options.cpus} CPUs; state: {options.state}", flush=True)
        await stopped.wait()


def main() -> int:
    options = _arguments()
    try:
        asyncio.run(_serve(options))
    except sqlite3.OperationalError as error:
        print(f"{options.state} is in use by another cluster: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the cluster cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
