"""Runs each command in a session of its own, and ends its process group with it."""

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
from sidecar.exec_request import ExecCommand
from sidecar.log import log_event
from sidecar.responses import Refusal
from sidecar.settings import SidecarSettings
from sidecar.workspace import Workspace

TIMED_OUT = 124
"""Exit code of a command that was ended at its timeout."""

DRAIN_SECONDS = 2.0
"""How long output is read after the exit, because another process can hold the pipe open."""

CHUNK = 64 * 1024

Sink = Callable[[str, bytes], Awaitable[None]]
"""Takes "stdout" or "stderr" and a chunk of it. While it waits, the pipe can fill and block."""


@dataclass(frozen=True)
class CommandResult:
    """Exit of a command. `exit_code` is 128 + n after signal n, 124 after a timeout.

    `cut`: output is incomplete, because a process outside the group holds the pipe open or the
    client stopped reading.
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
    """A started command. `task` never raises; its result is the CommandResult.

    `was_stopped`: ended by `stop`, not by itself or by its timeout.
    """

    task: asyncio.Task[CommandResult]
    was_stopped = False

    def __init__(self, process: subprocess.Popen[bytes], kill_seconds: float) -> None:
        self._process = process
        self._kill_seconds = kill_seconds
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End it: SIGTERM to the group, SIGKILL after `kill_seconds`. Idempotent."""
        self._stop.set()

    async def follow(
        self, command: ExecCommand, sink: Sink, threads: ThreadPoolExecutor
    ) -> CommandResult:
        """Wait until the command and its process group have ended."""
        started_at = time.monotonic()
        pipe_tasks = [
            asyncio.create_task(_pump("stdout", self._process.stdout, sink)),
            asyncio.create_task(_pump("stderr", self._process.stderr, sink)),
            asyncio.create_task(_feed(self._process.stdin, command.stdin)),
        ]
        exited = asyncio.get_running_loop().run_in_executor(threads, _wait_for_exit, self._process)
        timed_out = await self._until(exited, command.timeout)
        self._signal(signal.SIGKILL)
        code = self._process.wait()
        _, unfinished = await asyncio.wait(pipe_tasks, timeout=DRAIN_SECONDS)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*pipe_tasks, return_exceptions=True)
        duration = round((time.monotonic() - started_at) * 1000)
        exit_code = TIMED_OUT if timed_out else code if code >= 0 else 128 - code
        return CommandResult(exit_code, duration, timed_out, cut=bool(unfinished))

    async def _until(self, exited: asyncio.Future[None], timeout: float) -> bool:
        """Wait for the exit; end the command on `stop` or at the timeout. True after a timeout."""
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
        """Call only before the leader is reaped, while its pid cannot belong to another process."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: PermissionError for an ended group
            return


class CommandRunner:
    """Starts commands and tracks the running ones. `env` is the sidecar's own environment."""

    def __init__(
        self, settings: SidecarSettings, env: Mapping[str, str], work: Path, admission: Admission
    ) -> None:
        self._settings = settings
        self._env = env
        self._work = work
        self._admission = admission
        self._running: set[RunningCommand] = set()
        self._threads = ThreadPoolExecutor(settings.max_concurrency, "await-exit")
        self.closing = False

    def start(
        self, command: ExecCommand, sink: Sink, operation: str | None = None
    ) -> RunningCommand:
        """Start `command` in a slot that the caller has taken; the slot is released at the end.

        Raises Refusal when it cannot be started; then the slot is already released.
        """
        workspace = Workspace(self._work / uuid.uuid4().hex)
        try:
            process = self._spawn(command, workspace)
        except Refusal:
            self._admission.leave()
            workspace.remove()
            raise
        running = RunningCommand(process, self._settings.kill_seconds)
        self._running.add(running)
        running.task = asyncio.create_task(
            self._run_to_end(running, command, sink, workspace, operation)
        )
        return running

    async def close(self) -> None:
        """End all running commands and admit no more."""
        self.closing = True
        self._admission.close()
        for running in self._running:
            running.stop()
        await asyncio.gather(*(running.task for running in self._running))
        self._threads.shutdown()

    def _spawn(self, command: ExecCommand, workspace: Workspace) -> subprocess.Popen[bytes]:
        if self.closing:
            raise Refusal(503, "exec server is ending")
        binary = command.argv[0]
        program = shutil.which(binary, path=self._env.get("PATH", ""))
        if program is None:
            raise Refusal(500, "exec failed", detail=f"{binary} not found on PATH")
        try:
            workspace.make()
            return subprocess.Popen(
                command.argv,
                executable=program,
                stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=workspace.environment(self._env, self._settings.pass_env),
                cwd=command.cwd or workspace.cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise Refusal(500, "exec failed", detail=error.strerror or "not started") from error

    async def _run_to_end(
        self,
        running: RunningCommand,
        command: ExecCommand,
        sink: Sink,
        workspace: Workspace,
        operation: str | None,
    ) -> CommandResult:
        try:
            result = await running.follow(command, sink, self._threads)
        finally:
            await workspace.remove_in_thread()
            self._running.discard(running)
            self._admission.leave()
        log_event(
            "command_ended",
            binary=command.argv[0],
            arguments=len(command.argv) - 1,
            operation=operation,
            **result.facts(),
        )
        return result


async def _pump(name: str, pipe: IO[bytes] | None, sink: Sink) -> None:
    """Pass every chunk from `pipe` to `sink`, then close the pipe."""
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
    """Sets `closed` when either side closes the pipe."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def _feed(pipe: IO[bytes] | None, stdin: str | None) -> None:
    """Write `stdin` and close the pipe; returns early if the command closes it without reading."""
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


def _wait_for_exit(process: subprocess.Popen[bytes]) -> None:
    """Wait for the exit without reaping, so that the pid stays reserved (older macOS reaps)."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
