"""A proxy before each server of the app: it forwards every byte, and lets requests meet faults."""

import asyncio
import contextlib
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.faults.faults import Fault, How, InForce, Request
from tests.faults.framing import (
    answer_body,
    ends_the_connection,
    made_answer,
    request_body,
    reset,
    status_of,
)

LARGEST_HEAD = 1024 * 1024
T = TypeVar("T")
Hook = Callable[[Request], bool]
"""Told of a request; True: it goes no further, and its connection is reset."""
BREAKS_THE_ANSWER = (How.RESET_AFTER, How.HOLD_ANSWER, How.TRUNCATE, How.CORRUPT)


class Cut(Exception):
    """The connection to the client is to be reset."""


class Over(Exception):
    """The connection to the client is to be closed in good order, in the middle of an answer."""


@dataclass
class Door:
    """Where the proxy listens for one server, which is `at` an address that may change."""

    server: str
    at: Callable[[], str]
    port: int = 0
    listening: asyncio.Server | None = None


class Proxies:
    """All the proxies of one stack, on one thread, with one numbering of requests.

    Each request goes to its server on a connection of its own, so that no connection that went
    stale there can look like a fault.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: dict[int, int] = {}
        """What the server answered, or was answered in its place, by the request's number."""
        self.before: Hook | None = None
        """Asked before a request goes on to its server."""
        self.after: Hook | None = None
        """Asked when the server has answered, and none of that has been passed on."""
        self._faults: tuple[InForce, ...] = ()
        self._doors: dict[str, Door] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def through(self, server: str, at: Callable[[], str]) -> str:
        """Begin to stand before a server; the address by which it is reached from now on."""
        door = self._doors[server] = Door(server, at)
        self._do(self._open(door))
        # The durable API is asked for before its host, which is told this address, has one.
        path = "" if server == "durable" else urlsplit(at()).path
        return f"http://127.0.0.1:{door.port}{path}"

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[InForce]:
        """Put a fault in force for as long as the context is open; the first one that fits wins."""
        one = InForce(fault)
        door = self._doors[fault.where.server] if fault.how is How.REFUSE else None
        self._faults += (one,)
        if door:
            self._do(self._shut(door))
        try:
            yield one
        finally:
            self._faults = tuple(other for other in self._faults if other is not one)
            one.release()
            if door:
                self._do(self._open(door))

    def stop(self) -> None:
        """Close everything."""
        for door in self._doors.values():
            self._do(self._shut(door))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self, door: Door) -> None:
        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            await self._serve(door, reader, writer)

        door.listening = await asyncio.start_server(
            serve, "127.0.0.1", door.port, limit=LARGEST_HEAD
        )
        door.port = door.listening.sockets[0].getsockname()[1]

    async def _shut(self, door: Door) -> None:
        """Close the door, and the connections that came in by it."""
        if door.listening is not None:
            door.listening.close()
        mine = [task for task in self._connections if task.get_name() == door.server]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    async def _serve(self, door: Door, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection of the app's, request after request."""
        task: Any = asyncio.current_task()
        task.set_name(door.server)
        self._connections.add(task)
        try:
            while await self._one(door, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, Cut):
            reset(writer)
        except Over:
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(self, door: Door, reader: StreamReader, writer: StreamWriter) -> bool:
        """Meet one request; whether another may follow on this connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False  # the app has hung up
        body = await request_body(head, reader)
        method, target, _ = head.decode("latin-1").split(" ", 2)
        request = Request(len(self.requests) + 1, door.server, method, target, body)
        self.requests.append(request)
        met = next((one for one in self._faults if one.meets(request)), None)
        how = met.fault.how if met else None
        if self.before and self.before(request):
            raise Cut
        if met and how in (How.HOLD, How.BLACK_HOLE):
            await asyncio.shield(asyncio.wrap_future(met.let_go))
        if how in (How.RESET_BEFORE, How.BLACK_HOLE):
            raise Cut
        if met and how is How.STATUS:
            self.statuses[request.number] = met.fault.status
            writer.write(made_answer(met.fault, method))
            await writer.drain()
            return True
        return await self._forward(door, request, head + body, writer, met)

    async def _forward(
        self, door: Door, request: Request, sent: bytes, writer: StreamWriter, met: InForce | None
    ) -> bool:
        at = urlsplit(door.at())
        reader, upstream = await asyncio.open_connection(at.hostname, at.port, limit=LARGEST_HEAD)
        try:
            upstream.write(sent)
            await upstream.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            self.statuses[request.number] = status_of(head)
            pieces = answer_body(head, request.method, reader)
            if self.after or (met and met.fault.how in BREAKS_THE_ANSWER):
                body = b"".join([piece async for piece in pieces])
                if self.after and self.after(request):
                    raise Cut
                await self._break(met, writer, head, body)
            else:
                writer.write(head)
                async for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        finally:
            upstream.close()
        await writer.drain()
        return not ends_the_connection(head, request.method)

    async def _break(
        self, met: InForce | None, writer: StreamWriter, head: bytes, body: bytes
    ) -> None:
        """Pass on what the fault leaves of an answer."""
        how, half = met.fault.how if met else None, len(body) // 2
        if met and how is How.HOLD_ANSWER:
            await asyncio.shield(asyncio.wrap_future(met.let_go))
        if how is How.RESET_AFTER:
            raise Cut
        if how is How.CORRUPT:
            body = body[:half] + b"#" * (len(body) - half)
        writer.write(head + (body[:half] if how is How.TRUNCATE else body))
        if how is How.TRUNCATE:
            await writer.drain()
            raise Over  # a reset could overtake what was sent
