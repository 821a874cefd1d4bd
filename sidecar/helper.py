"""Runs a program for the sidecar itself, in the environment that commands get."""

import asyncio
import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.workspace import Workspace

TIMED_OUT = 124


@dataclass(frozen=True)
class HelperResult:
    """Exit of a helper program; 124 after a timeout. `output` is stdout, `errors` stderr."""

    exit_code: int
    output: str = ""
    errors: str = ""


@dataclass(frozen=True)
class Helper:
    """`env` is the sidecar's environment, filtered for the program as for a command."""

    env: Mapping[str, str]
    pass_env: tuple[str, ...]
    work: Path

    async def run(self, argv: list[str], timeout: float) -> HelperResult:
        """Run `argv` to its end; kill its group at the timeout. OSError if it cannot start."""
        workspace = Workspace(self.work / uuid.uuid4().hex)
        workspace.make()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=workspace.environment(self.env, self.pass_env),
                cwd=workspace.cwd,
                start_new_session=True,
            )
            return await _outcome(process, timeout)
        finally:
            await workspace.remove_in_thread()


async def _outcome(process: asyncio.subprocess.Process, timeout: float) -> HelperResult:
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate()
    except TimeoutError:
        return HelperResult(TIMED_OUT, errors=f"no answer within {timeout:g} s")
    finally:  # also on cancellation, when the sidecar ends
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    code = process.returncode or 0
    return HelperResult(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
