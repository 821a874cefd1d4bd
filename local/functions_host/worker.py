"""A worker process: `python -m local.functions_host.worker --app DIR --socket FD`.

Calls the app's functions for the host that started it, until the host closes the connection.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from local.functions_host.bindings import Out
from local.functions_host.frames import Invocation, InvocationResult, read_frame, write_frame
from local.functions_host.functions import Function, load
from local.functions_host.logs import log_to_stdout
from local.functions_host.runner import InProcess


async def serve(app: Path, connection: socket.socket) -> None:
    """Answer calls until the connection is closed."""
    functions = {function.name: function for function in load(app)}
    reader, writer = await asyncio.open_connection(sock=connection)
    runner, tasks = InProcess(), set[asyncio.Task[None]]()
    write_frame(writer, "ready")
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # the host has ended
        while True:
            task = asyncio.create_task(_answer(runner, functions, await read_frame(reader), writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def _answer(
    runner: InProcess,
    functions: Mapping[str, Function],
    call: Invocation,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        value = await runner.invoke(functions[call.function], call.arguments)
        outputs = {name: given for name, given in call.arguments.items() if isinstance(given, Out)}
        write_frame(writer, InvocationResult(call.number, value, outputs))
    except Exception as error:  # noqa: BLE001  a crash of user code, which the host logs
        trace = "".join(traceback.format_exception(error))
        raised = (type(error).__name__, str(error), trace)
        write_frame(writer, InvocationResult(call.number, error=raised))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="the folder of function_app.py")
    parser.add_argument("--socket", type=int, required=True, help="the connection to the host")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group: the host ends its workers
    log_to_stdout()
    asyncio.run(serve(given.app, socket.socket(fileno=given.socket)))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # do not wait for a function that still blocks a thread
