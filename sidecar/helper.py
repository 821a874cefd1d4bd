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

from sidecar.workplace import Sandbox

TIMED_OUT = 124


@dataclass(frozen=True)
class HelperResult:
    """How it ended; 124 after a timeout. `output` is stdout, `errors` stderr."""

    exit_code: int
    output: str = ""
    errors: str = ""


@dataclass(frozen=True)
class Helper:
    """`env` is the sidecar's environment, of which a program sees what a command would."""

    env: Mapping[str, str]
    pass_env: tuple[str, ...]
    work: Path

    async def run(self, argv: list[str], timeout: float) -> HelperResult:
        """Run `argv` to its end, or kill it with its group. Raises OSError if it cannot start."""
        place = Sandbox(self.work / uuid.uuid4().hex)
        place.make()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=place.environment(self.env, self.pass_env),
                cwd=place.cwd,
                start_new_session=True,
            )
            return await _outcome(process, timeout)
        finally:
            await asyncio.to_thread(place.remove)


async def _outcome(process: asyncio.subprocess.Process, timeout: float) -> HelperResult:
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate()
    except TimeoutError:
        return HelperResult(TIMED_OUT, errors=f"no answer within {timeout:g} s")
    finally:  # also when the sidecar is told to end meanwhile
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    code = process.returncode or 0
    return HelperResult(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
