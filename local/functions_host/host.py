"""The host: an app's functions and their triggers."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from local.functions_host.bindings import Bindings
from local.functions_host.clock import Clock
from local.functions_host.durable.calls import close_durable_clients, durable_functions
from local.functions_host.durable.engine import Engine, Limits
from local.functions_host.durable.store import DurableStore
from local.functions_host.durable.webhooks import Webhooks, client_binding
from local.functions_host.functions import Function
from local.functions_host.guard import loopback_only, quiet_logger
from local.functions_host.http import MAX_BODY_BYTES, HttpTriggers
from local.functions_host.invoker import Invoker
from local.functions_host.queues import QueueTrigger
from local.functions_host.runner import InProcess
from local.functions_host.settings import CannotStart, HostOptions
from local.functions_host.timers import TimerTrigger
from local.functions_host.workers import WorkerPool

log = logging.getLogger("host")
SHUTDOWN_SECONDS = 2.0
"""Seconds that responses may take to reach their clients at shutdown."""


class Part(Protocol):
    """What runs as long as the host."""

    async def run(self) -> None: ...


class Listener(Part, Protocol):
    """Runs a function on its events, or manually by the admin API."""

    async def run_manually(self, text: str) -> None: ...


@dataclass(frozen=True)
class RunningHost:
    """A host that is serving."""

    url: str
    http: HttpTriggers
    engine: Engine
    store: DurableStore
    """Use it only through `engine.call_store`."""
    parts: Sequence[asyncio.Task[None]]
    """Tasks that end only if they fail."""


@contextlib.asynccontextmanager
async def serving(
    functions: Sequence[Function],
    options: HostOptions,
    state: Path,
    clock: Clock,
    port: int = 0,
    on_timeout: Callable[[str], None] = lambda name: None,
    client_url: str = "",
    workers: WorkerPool | None = None,
) -> AsyncIterator[RunningHost]:
    """Serve the functions on 127.0.0.1 while the context is open. Raises CannotStart.

    `client_url`, a proxy's URL, replaces the host's own in the binding of durable clients.
    Without `workers` the functions run in this process.
    """
    with _lock_state(state):
        bindings = Bindings(options.queues.base64)
        in_process = InProcess()
        invoker = Invoker(options, on_timeout, bindings, workers or in_process)
        store = DurableStore(state)
        limits = Limits(options.orchestrators, options.activities)
        durable = durable_functions(functions, invoker, in_process.threads)
        engine = Engine(store, durable, clock, limits)
        http = HttpTriggers(functions, options.route_prefix, invoker)
        listeners = _listeners(functions, options, invoker, clock, engine, store)
        runner = _runner(http, Webhooks(engine, store), _Admin(functions, listeners))
        base = await _listen(runner, port)
        bindings.client = client_binding(client_url or base, options.hub)
        parts = [engine, *listeners.values(), *([workers] if workers else [])]
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(store.close)
            stack.callback(in_process.close)
            stack.push_async_callback(close_durable_clients)
            tasks = await stack.enter_async_context(_running(parts))
            stack.push_async_callback(runner.cleanup)
            yield RunningHost(base, http, engine, store, tasks)


@contextlib.asynccontextmanager
async def _running(parts: Sequence[Part]) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Run the parts while the context is open; then cancel them, and wait for their ends."""
    tasks = [asyncio.create_task(_log_failure(part)) for part in parts]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _log_failure(part: Part) -> None:
    try:
        await part.run()
    except Exception:  # of any kind: it is logged, and raised again
        log.exception("%s failed", type(part).__name__)
        raise


def _listeners(
    functions: Sequence[Function],
    options: HostOptions,
    invoker: Invoker,
    clock: Clock,
    engine: Engine,
    store: DurableStore,
) -> dict[str, Listener]:
    """The listener of each timer and queue function, by function name in lower case."""
    listeners: dict[str, Listener] = {}
    for function in functions:
        if function.kind.lower() == "timertrigger":
            listeners[function.name.lower()] = TimerTrigger(function, invoker, clock, engine, store)
        if function.kind.lower() == "queuetrigger":
            trigger = QueueTrigger(function, options.queues, invoker, clock)
            trigger.client()
            listeners[function.name.lower()] = trigger
    return listeners


def _runner(http: HttpTriggers, webhooks: Webhooks, admin: "_Admin") -> web.AppRunner:
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[loopback_only])
    app.add_routes(webhooks.routes())
    app.router.add_get("/admin/host/status", admin.status)
    app.router.add_post("/admin/functions/{name}", admin.invoke)
    app.router.add_route("*", "/{path:.*}", http.handle)
    return web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        auto_decompress=False,
        logger=quiet_logger(),
    )


@dataclass(frozen=True)
class _Admin:
    """The admin endpoints that Core Tools have, too."""

    functions: Sequence[Function]
    listeners: dict[str, Listener]

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "Running", "version": "local"})

    async def invoke(self, request: web.Request) -> web.Response:
        """Run a timer or queue function on `{"input": text}`, and respond after it has run."""
        name = request.match_info["name"].lower()
        if name not in (function.name.lower() for function in self.functions):
            return web.Response(status=404)
        if name not in self.listeners:
            text = f"{name} is not a timer or queue function"
            return web.json_response({"message": text}, status=400)
        try:
            body = json.loads(await request.read() or "{}")
        except ValueError:
            return web.json_response({"message": "the body is not JSON"}, status=400)
        input_value = body.get("input", "") if isinstance(body, dict) else ""
        await self.listeners[name].run_manually(
            input_value if isinstance(input_value, str) else json.dumps(input_value)
        )
        return web.Response(status=202)


async def _listen(runner: web.AppRunner, port: int) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as fault:
        await runner.cleanup()
        text = f"port {port} is in use or not available: {os.strerror(fault.errno or 0)}"
        raise CannotStart(text) from fault
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


@contextlib.contextmanager
def _lock_state(state: Path) -> Iterator[None]:
    """Lock the state file: two hosts over one file would run everything twice."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise CannotStart(f"another host uses {state}") from taken
        yield
