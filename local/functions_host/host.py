"""The host: an app's functions, with everything that triggers them."""

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
from local.functions_host.durable.calls import durable_functions, forget_clients
from local.functions_host.durable.engine import Engine, Limits
from local.functions_host.durable.store import Store
from local.functions_host.durable.webhooks import Webhooks, client_binding
from local.functions_host.functions import Function
from local.functions_host.guard import only_from_this_machine, quiet_logger
from local.functions_host.http import LARGEST_BODY, HttpTriggers
from local.functions_host.invoking import Invoker
from local.functions_host.queues import QueueTrigger
from local.functions_host.settings import CannotStart, HostOptions
from local.functions_host.timers import TimerTrigger

log = logging.getLogger("host")
CLOSING = 2.0
"""Seconds that answers may take to reach their clients at the end."""


class Listener(Protocol):
    """What runs a function when something happens elsewhere, or on somebody's word."""

    async def run(self) -> None: ...

    async def by_hand(self, text: str) -> None: ...


@dataclass(frozen=True)
class RunningHost:
    """A host that serves."""

    url: str
    http: HttpTriggers
    engine: Engine
    store: Store
    """Ask it by way of `engine.ask`."""
    parts: Sequence[asyncio.Task[None]]
    """None of them ends, unless it cannot go on."""


@contextlib.asynccontextmanager
async def serving(
    functions: Sequence[Function],
    options: HostOptions,
    state: Path,
    clock: Clock,
    port: int = 0,
    overdue: Callable[[str], None] = lambda name: None,
    client_url: str = "",
) -> AsyncIterator[RunningHost]:
    """Serve the functions on 127.0.0.1 for as long as the context is open. Raises CannotStart.

    Durable clients are told `client_url`, a proxy's address, in place of the host's own.
    """
    with _only_one(state):
        bindings = Bindings(options.queues.base64)
        invoker = Invoker(options, overdue, bindings)
        store = Store(state)
        limits = Limits(options.orchestrators, options.activities)
        engine = Engine(store, durable_functions(functions, invoker), clock, limits)
        http = HttpTriggers(functions, options.route_prefix, invoker)
        others = _listeners(functions, options, invoker, clock, engine, store)
        runner = _runner(http, Webhooks(engine, store), _Admin(functions, others))
        base = await _listen(runner, port)
        bindings.client = client_binding(client_url or base, options.hub)
        parts: list[Listener | Engine] = [engine, *others.values()]
        tasks = [asyncio.create_task(_kept_going(part)) for part in parts]
        try:
            yield RunningHost(base, http, engine, store, tasks)
        finally:
            await runner.cleanup()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await forget_clients()
            invoker.close()
            store.close()


async def _kept_going(part: Listener | Engine) -> None:
    try:
        await part.run()
    except Exception:
        log.exception("%s cannot go on", type(part).__name__)
        raise


def _listeners(
    functions: Sequence[Function],
    options: HostOptions,
    invoker: Invoker,
    clock: Clock,
    engine: Engine,
    store: Store,
) -> dict[str, Listener]:
    """What listens for each function that is neither called nor asked, by its name."""
    found: dict[str, Listener] = {}
    for one in functions:
        if one.kind.lower() == "timertrigger":
            found[one.name.lower()] = TimerTrigger(one, invoker, clock, engine, store)
        if one.kind.lower() == "queuetrigger":
            trigger = QueueTrigger(one, options.queues, invoker, clock)
            trigger.client()
            found[one.name.lower()] = trigger
    return found


def _runner(http: HttpTriggers, webhooks: Webhooks, admin: "_Admin") -> web.AppRunner:
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[only_from_this_machine])
    app.add_routes(webhooks.routes())
    app.router.add_get("/admin/host/status", admin.status)
    app.router.add_post("/admin/functions/{name}", admin.invoke)
    app.router.add_route("*", "/{path:.*}", http.handle)
    return web.AppRunner(
        app, access_log=None, shutdown_timeout=CLOSING, auto_decompress=False, logger=quiet_logger()
    )


@dataclass(frozen=True)
class _Admin:
    """The admin addresses that Core Tools have, too."""

    functions: Sequence[Function]
    listeners: dict[str, Listener]

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "Running", "version": "local"})

    async def invoke(self, request: web.Request) -> web.Response:
        """Run a timer or queue function on `{"input": text}`, and answer when it has run."""
        name = request.match_info["name"].lower()
        if name not in (one.name.lower() for one in self.functions):
            return web.Response(status=404)
        if name not in self.listeners:
            text = f"{name} is no timer or queue function"
            return web.json_response({"message": text}, status=400)
        try:
            body = json.loads(await request.read() or "{}")
        except ValueError:
            return web.json_response({"message": "the body is not JSON"}, status=400)
        given = body.get("input", "") if isinstance(body, dict) else ""
        await self.listeners[name].by_hand(given if isinstance(given, str) else json.dumps(given))
        return web.Response(status=202)


async def _listen(runner: web.AppRunner, port: int) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as fault:
        await runner.cleanup()
        text = f"port {port} is in use or cannot be had: {os.strerror(fault.errno or 0)}"
        raise CannotStart(text) from fault
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


@contextlib.contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Hold the state file: two hosts over one would run everything twice."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise CannotStart(f"another host uses {state}") from taken
        yield
