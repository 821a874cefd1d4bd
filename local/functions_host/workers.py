"""Worker processes: the functions run outside of the host, as on Azure.

On Azure the host is one process and runs an app's functions in one or more language workers
(`FUNCTIONS_WORKER_PROCESS_COUNT`), which it calls in turn. Each worker has its own copy of what the
app keeps in memory. Orchestrators stay in the host's process: they keep nothing between two calls.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.functions_host.frames import Invocation, InvocationResult, read_frame, write_frame
from local.functions_host.functions import Function
from local.functions_host.settings import CannotStart

log = logging.getLogger("host")
STOP_SECONDS = 2.0
"""Seconds that a worker has to end once its connection is closed."""
_ENDED = (asyncio.IncompleteReadError, ConnectionError)


class FunctionError(Exception):
    """What a function raised in a worker; its class has the name of the original class."""


class WorkerEnded(Exception):
    """The worker process ended during the call, as at a crash or for lack of memory."""


@dataclass
class Worker:
    """A worker process, and the calls that wait for its results."""

    process: Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pending: dict[int, asyncio.Future[InvocationResult]] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        return not self.writer.is_closing()

    async def call(self, call: Invocation) -> InvocationResult:
        """Raises WorkerEnded."""
        future: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()
        self.pending[call.number] = future
        try:
            write_frame(self.writer, call)
            return await future
        finally:
            del self.pending[call.number]

    async def read_results(self) -> None:
        """Complete the pending calls, until the process ends."""
        with contextlib.suppress(*_ENDED):
            while True:
                result: InvocationResult = await read_frame(self.reader)
                future = self.pending.get(result.number)  # None if the call was cancelled
                if future and not future.done():
                    future.set_result(result)
        self.writer.close()
        for future in self.pending.values():
            if not future.done():
                future.set_exception(WorkerEnded("the worker process ended during the call"))

    async def stop(self) -> None:
        """Close the connection, at which the process ends; kill it if it does not."""
        self.writer.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@dataclass
class WorkerPool:
    """Calls functions in worker processes in turn."""

    apps: Sequence[Path]
    """The folders of the app, of which the workers run one each in turn: during a rolling upgrade
    those of two versions."""
    workers: list[Worker] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def invoke(self, function: Function, arguments: dict[str, Any]) -> Any:
        """Return the function's result, once its outputs are set.

        Raises FunctionError, and WorkerEnded.
        """
        number = next(self._numbers)
        running = [worker for worker in self.workers if worker.is_running]
        if not running:
            raise WorkerEnded("all worker processes have ended, and others are starting")
        worker = running[number % len(running)]
        result = await worker.call(Invocation(number, function.name, arguments))
        if result.error is not None:
            raise _function_error(*result.error)
        for name, output in result.outputs.items():
            arguments[name].set(output.get())
        return result.value

    async def run(self) -> None:
        """Read the workers' results, and replace a worker that ends. Raises CannotStart."""
        await asyncio.gather(*(self._keep_running(place) for place in range(len(self.workers))))

    async def _keep_running(self, place: int) -> None:
        while True:
            await self.workers[place].read_results()
            code = await self.workers[place].process.wait()
            log.error("worker process %s ended with %s: another one starts", place + 1, code)
            await self.start(place)

    async def start(self, place: int) -> None:
        """Start the worker of this place. Raises CannotStart."""
        self.workers[place : place + 1] = [await _start(self.apps[place % len(self.apps)])]


@contextlib.asynccontextmanager
async def worker_pool(apps: Sequence[Path], count: int) -> AsyncIterator[WorkerPool]:
    """Start worker processes with the app in these folders, and stop them. Raises CannotStart."""
    pool = WorkerPool(apps)
    try:
        for place in range(count):
            await pool.start(place)
        yield pool
    finally:
        await asyncio.gather(*(worker.stop() for worker in pool.workers))


def _function_error(name: str, text: str, trace: str) -> FunctionError:
    error: FunctionError = type(name, (FunctionError,), {})(text)
    error.add_note(trace)
    return error


async def _start(app: Path) -> Worker:
    """Start a process, and wait until it has loaded the app. Raises CannotStart."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.functions_host.worker", "--app", str(app)),
            *("--socket", str(theirs.fileno())),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    worker = Worker(process, *await asyncio.open_connection(sock=ours))
    try:
        await read_frame(worker.reader)
    except _ENDED as error:
        code = await process.wait()
        raise CannotStart(f"a worker process ended with {code} at its start") from error
    return worker
