"""The output of a command, line by line as it is written, for as long as a client listens."""

import asyncio

from aiohttp import web

from sidecar.answers import encode
from sidecar.bodies import Command
from sidecar.commands import CommandResult, Commands, RunningCommand
from sidecar.output import Lines, OutputLine

LAST_WORDS_SECONDS = 5.0
"""How long a client may take to read the last lines before it is cut off."""


class _Listener:
    """A client that hears lines. What a command writes waits until the client reads."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._listens = asyncio.Event()

    async def begin(self, request: web.Request) -> None:
        await self._response.prepare(request)
        self._listens.set()

    async def take(self, name: str, chunk: bytes) -> None:
        await self._listens.wait()
        for line in self._lines[name].add(chunk):
            await self._send(name, line)

    async def end(self, ended: CommandResult) -> None:
        for name, lines in self._lines.items():
            for line in lines.end():
                await self._send(name, line)
        await self._write({**ended.facts(), "truncated": ended.cut})
        await self._response.write_eof()

    async def _send(self, name: str, line: OutputLine) -> None:
        more = {"continues": True} if line.continues else {}
        await self._write({"stream": name, "line": line.text, **more})

    async def _write(self, body: dict[str, object]) -> None:
        await self._response.write(encode(body) + b"\n")


async def stream_command(
    request: web.Request, commands: Commands, command: Command
) -> web.StreamResponse:
    """Run `command` in the slot that was entered, and answer with NDJSON.

    The command does not outlive the client's interest: it ends when the client goes away.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.force_close()
    listener = _Listener(response)
    running = commands.start(command, listener.take)
    try:
        await _tell(request, listener, running)
    except (ConnectionError, TimeoutError):
        if request.transport:
            request.transport.abort()
    finally:
        running.stop()
    return response


async def _tell(request: web.Request, listener: _Listener, running: RunningCommand) -> None:
    await listener.begin(request)
    ended = await asyncio.shield(running.task)
    async with asyncio.timeout(LAST_WORDS_SECONDS):
        await listener.end(ended)
