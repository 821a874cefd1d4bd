"""Streams a command's output line by line, while the client is connected."""

import asyncio

from aiohttp import web

from sidecar.command_runner import CommandResult, CommandRunner, RunningCommand
from sidecar.exec_request import ExecCommand
from sidecar.output import Lines, OutputLine
from sidecar.responses import encode

LAST_LINES_SECONDS = 5.0
"""How long a client may take to read the last lines before its connection is aborted."""


class _Listener:
    """A client that receives lines. The command's output waits until the client reads."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._started = asyncio.Event()

    async def begin(self, request: web.Request) -> None:
        await self._response.prepare(request)
        self._started.set()

    async def take(self, name: str, chunk: bytes) -> None:
        await self._started.wait()
        for line in self._lines[name].add(chunk):
            await self._send(name, line)

    async def end(self, result: CommandResult) -> None:
        for name, lines in self._lines.items():
            for line in lines.end():
                await self._send(name, line)
        await self._write({**result.facts(), "truncated": result.cut})
        await self._response.write_eof()

    async def _send(self, name: str, line: OutputLine) -> None:
        continuation = {"continues": True} if line.continues else {}
        await self._write({"stream": name, "line": line.text, **continuation})

    async def _write(self, body: dict[str, object]) -> None:
        await self._response.write(encode(body) + b"\n")


async def stream_command(
    request: web.Request, commands: CommandRunner, command: ExecCommand
) -> web.StreamResponse:
    """Run `command` in the slot that the caller has taken, and respond with NDJSON.

    The command is ended when the client disconnects.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.force_close()
    listener = _Listener(response)
    running = commands.start(command, listener.take)
    try:
        await _send_output(request, listener, running)
    except (ConnectionError, TimeoutError):
        if request.transport:
            request.transport.abort()
    finally:
        running.stop()
    return response


async def _send_output(request: web.Request, listener: _Listener, running: RunningCommand) -> None:
    await listener.begin(request)
    result = await asyncio.shield(running.task)
    async with asyncio.timeout(LAST_LINES_SECONDS):
        await listener.end(result)
