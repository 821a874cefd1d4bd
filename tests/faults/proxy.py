"""Proxies between the app and its servers: they forward bytes unchanged and inject faults."""

import asyncio
import contextlib
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.faults.faults import ActiveFault, Fault, FaultKind, Request
from tests.faults.framing import (
    ends_the_connection,
    fault_response,
    request_body,
    reset,
    response_body,
    status_of,
)

LARGEST_HEAD = 1024 * 1024
T = TypeVar("T")
Hook = Callable[[Request], bool]
"""Called with a request; True resets its connection instead of continuing."""
RESPONSE_FAULTS = (
    FaultKind.RESET_AFTER,
    FaultKind.HOLD_ANSWER,
    FaultKind.TRUNCATE,
    FaultKind.CORRUPT,
)


class ResetConnection(Exception):
    """Reset the connection to the client."""


class CloseConnection(Exception):
    """Close the connection to the client normally, in the middle of a response."""


@dataclass
class Listener:
    """The listener for one server; `target` returns the address of the server, which can change."""

    server: str
    target: Callable[[], str]
    port: int = 0
    listening: asyncio.Server | None = None


class Proxies:
    """All proxies of one stack, on one thread, with one numbering of requests.

    Each request is forwarded on a connection of its own, so that a stale connection cannot look
    like a fault.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: dict[int, int] = {}
        """The status of each response, from the server or a fault, by request number."""
        self.before: Hook | None = None
        """Called before a request is forwarded."""
        self.after: Hook | None = None
        """Called when the server has responded, before anything is passed on."""
        self._faults: tuple[ActiveFault, ...] = ()
        self._listeners: dict[str, Listener] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def add_proxy(self, server: str, target: Callable[[], str]) -> str:
        """Start a proxy for a server; returns the proxy's URL."""
        listener = self._listeners[server] = Listener(server, target)
        self._run(self._open(listener))
        # The durable API's proxy is created before its host, which needs this address, has started.
        path = "" if server == "durable" else urlsplit(target()).path
        return f"http://127.0.0.1:{listener.port}{path}"

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[ActiveFault]:
        """Activate a fault while the context is open; the first matching fault applies."""
        active = ActiveFault(fault)
        listener = self._listeners[fault.where.server] if fault.kind is FaultKind.REFUSE else None
        self._faults += (active,)
        if listener:
            self._run(self._shut(listener))
        try:
            yield active
        finally:
            self._faults = tuple(other for other in self._faults if other is not active)
            active.release()
            if listener:
                self._run(self._open(listener))

    def stop(self) -> None:
        """Close all listeners and connections."""
        for listener in self._listeners.values():
            self._run(self._shut(listener))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self, listener: Listener) -> None:
        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            await self._serve(listener, reader, writer)

        listener.listening = await asyncio.start_server(
            serve, "127.0.0.1", listener.port, limit=LARGEST_HEAD
        )
        listener.port = listener.listening.sockets[0].getsockname()[1]

    async def _shut(self, listener: Listener) -> None:
        """Close the listener and its connections."""
        if listener.listening is not None:
            listener.listening.close()
        own = [task for task in self._connections if task.get_name() == listener.server]
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)

    async def _serve(self, listener: Listener, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve the requests of one connection of the app."""
        task: Any = asyncio.current_task()
        task.set_name(listener.server)
        self._connections.add(task)
        try:
            while await self._serve_request(listener, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ResetConnection):
            reset(writer)
        except CloseConnection:
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_request(
        self, listener: Listener, reader: StreamReader, writer: StreamWriter
    ) -> bool:
        """Serve one request; returns whether another can follow on the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False  # the app closed the connection
        body = await request_body(head, reader)
        method, target, _ = head.decode("latin-1").split(" ", 2)
        request = Request(len(self.requests) + 1, listener.server, method, target, body)
        self.requests.append(request)
        met = next((fault for fault in self._faults if fault.meets(request)), None)
        kind = met.fault.kind if met else None
        if self.before and self.before(request):
            raise ResetConnection
        if met and kind in (FaultKind.HOLD, FaultKind.BLACK_HOLE):
            await asyncio.shield(asyncio.wrap_future(met.released))
        if kind in (FaultKind.RESET_BEFORE, FaultKind.BLACK_HOLE):
            raise ResetConnection
        if met and kind is FaultKind.STATUS:
            self.statuses[request.number] = met.fault.status
            writer.write(fault_response(met.fault, method, head))
            await writer.drain()
            return True
        return await self._forward(listener, request, head + body, writer, met)

    async def _forward(
        self,
        listener: Listener,
        request: Request,
        data: bytes,
        writer: StreamWriter,
        met: ActiveFault | None,
    ) -> bool:
        address = urlsplit(listener.target())
        reader, upstream = await asyncio.open_connection(
            address.hostname, address.port, limit=LARGEST_HEAD
        )
        try:
            upstream.write(data)
            await upstream.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            self.statuses[request.number] = status_of(head)
            pieces = response_body(head, request.method, reader)
            if self.after or (met and met.fault.kind in RESPONSE_FAULTS):
                body = b"".join([piece async for piece in pieces])
                if self.after and self.after(request):
                    raise ResetConnection
                await self._send_response(met, writer, head, body)
            else:
                writer.write(head)
                async for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        finally:
            upstream.close()
        await writer.drain()
        return not ends_the_connection(head, request.method)

    async def _send_response(
        self, met: ActiveFault | None, writer: StreamWriter, head: bytes, body: bytes
    ) -> None:
        """Apply a response fault, and pass on the rest."""
        kind, half = met.fault.kind if met else None, len(body) // 2
        if met and kind is FaultKind.HOLD_ANSWER:
            await asyncio.shield(asyncio.wrap_future(met.released))
        if kind is FaultKind.RESET_AFTER:
            raise ResetConnection
        if kind is FaultKind.CORRUPT:
            body = body[:half] + b"#" * (len(body) - half)
        writer.write(head + (body[:half] if kind is FaultKind.TRUNCATE else body))
        if kind is FaultKind.TRUNCATE:
            await writer.drain()
            raise CloseConnection  # a reset could discard what was sent
