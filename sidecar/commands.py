"""Runs commands: each in a session of its own, fed, heard, and ended in time with its group."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sidecar.admission import Admission
from sidecar.answers import Refusal
from sidecar.bodies import Command
from sidecar.log import log_event
from sidecar.settings import Settings
from sidecar.workplace import Sandbox

TIMED_OUT = 124
"""The exit code told for a command that was ended because its time was over."""

DRAIN_SECONDS = 2.0
"""How long output is still read after the end, should somebody hold the pipe open."""

CHUNK = 64 * 1024

Sink = Callable[[str, bytes], Awaitable[None]]
"""Takes "stdout" or "stderr" and a piece of it. While it waits, the command may have to."""


@dataclass(frozen=True)
class CommandResult:
    """How a command ended. `exit_code` is 128 + n after signal n, 124 after a timeout.

    `cut`: output was given up, because a process beyond the group holds the pipe, or because
    nobody takes it.
    """

    exit_code: int
    duration_ms: int
    timed_out: bool
    cut: bool

    def facts(self) -> dict[str, object]:
        return {
            "exit_code": self.exit_code,
            "duration_ms": self.duration_ms,
            "timed_out": self.timed_out,
        }


class RunningCommand:
    """A command that was started. `task` ends, without fail, with how the command ended.

    `was_stopped`: it did not end by itself, nor by its timeout, but because it was asked to.
    """

    task: asyncio.Task[CommandResult]
    was_stopped = False

    def __init__(self, process: subprocess.Popen[bytes], kill_seconds: float) -> None:
        self._process = process
        self._kill_seconds = kill_seconds
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End it: SIGTERM to the group, SIGKILL to what is left later. Safe to say twice."""
        self._stop.set()

    async def follow(
        self, command: Command, sink: Sink, threads: ThreadPoolExecutor
    ) -> CommandResult:
        """See the command to its end, and its group with it."""
        begun = time.monotonic()
        talk = [
            asyncio.create_task(_pump("stdout", self._process.stdout, sink)),
            asyncio.create_task(_pump("stderr", self._process.stderr, sink)),
            asyncio.create_task(_feed(self._process.stdin, command.stdin)),
        ]
        exited = asyncio.get_running_loop().run_in_executor(threads, _exit, self._process)
        timed_out = await self._until(exited, command.timeout)
        self._signal(signal.SIGKILL)
        code = self._process.wait()
        _, late = await asyncio.wait(talk, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*talk, return_exceptions=True)
        duration = round((time.monotonic() - begun) * 1000)
        exit_code = TIMED_OUT if timed_out else code if code >= 0 else 128 - code
        return CommandResult(exit_code, duration, timed_out, cut=bool(late))

    async def _until(self, exited: asyncio.Future[None], timeout: float) -> bool:
        """Wait for the end and bring it about when asked to, or when time is over: then True."""
        stop = asyncio.create_task(self._stop.wait())
        waiting: set[asyncio.Future[Any]] = {exited, stop}
        done, _ = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if exited not in done:
            self.was_stopped = stop in done
            self._signal(signal.SIGTERM)
            await asyncio.wait({exited}, timeout=self._kill_seconds)
            self._signal(signal.SIGKILL)
            await exited
        return not done

    def _signal(self, number: signal.Signals) -> None:
        """Only while the leader is not reaped, so that its number cannot be another's."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: of a group that has ended
            return


class Commands:
    """Starts commands and knows those that run. `env` is the sidecar's own environment."""

    def __init__(
        self, settings: Settings, env: Mapping[str, str], work: Path, admission: Admission
    ) -> None:
        self._settings = settings
        self._env = env
        self._work = work
        self._admission = admission
        self._running: set[RunningCommand] = set()
        self._threads = ThreadPoolExecutor(settings.max_concurrency, "await-exit")
        self.closing = False

    def start(self, command: Command, sink: Sink, operation: str | None = None) -> RunningCommand:
        """Start `command` in a slot that the caller has entered; at the end the slot is left.

        Raises Refusal, with nothing started and the slot left, when it cannot be started.
        """
        place = Sandbox(self._work / uuid.uuid4().hex)
        try:
            process = self._spawn(command, place)
        except Refusal:
            self._admission.leave()
            place.remove()
            raise
        running = RunningCommand(process, self._settings.kill_seconds)
        self._running.add(running)
        running.task = asyncio.create_task(
            self._see_through(running, command, sink, place, operation)
        )
        return running

    async def close(self) -> None:
        """End all that runs; nothing is admitted any more."""
        self.closing = True
        self._admission.close()
        for running in self._running:
            running.stop()
        await asyncio.gather(*(running.task for running in self._running))
        self._threads.shutdown()

    def _spawn(self, command: Command, place: Sandbox) -> subprocess.Popen[bytes]:
        if self.closing:
            raise Refusal(503, "exec server is ending")
        binary = command.argv[0]
        program = shutil.which(binary, path=self._env.get("PATH", ""))
        if program is None:
            raise Refusal(500, "exec failed", detail=f"{binary} not found on PATH")
        try:
            place.make()
            return subprocess.Popen(
                command.argv,
                executable=program,
                stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=place.environment(self._env, self._settings.pass_env),
                cwd=command.cwd or place.cwd,
                start_new_session=True,
            )
        except OSError as fault:
            raise Refusal(500, "exec failed", detail=fault.strerror or "not started") from fault

    async def _see_through(
        self,
        running: RunningCommand,
        command: Command,
        sink: Sink,
        place: Sandbox,
        operation: str | None,
    ) -> CommandResult:
        try:
            ended = await running.follow(command, sink, self._threads)
        finally:
            await asyncio.to_thread(place.remove)
            self._running.discard(running)
            self._admission.leave()
        log_event(
            "command_ended",
            binary=command.argv[0],
            arguments=len(command.argv) - 1,
            operation=operation,
            **ended.facts(),
        )
        return ended


async def _pump(name: str, pipe: IO[bytes] | None, sink: Sink) -> None:
    """Hand everything that comes out of `pipe` to `sink`, then close it."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while chunk := await reader.read(CHUNK):
            await sink(name, chunk)
    finally:
        transport.close()


class _Closing(asyncio.BaseProtocol):
    """Tells when a pipe is closed, by either side."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def _feed(pipe: IO[bytes] | None, stdin: str | None) -> None:
    """Write `stdin` as fast as the command reads it, then close; a command need not read."""
    if stdin is None:
        return
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(_Closing, pipe)
    transport.write(stdin.encode())
    transport.close()
    try:
        await protocol.closed.wait()
    except asyncio.CancelledError:
        transport.abort()
        raise


def _exit(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end without reaping, so that the number stays taken (older macOS: reap)."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
