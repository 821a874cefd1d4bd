"""A host in the test's own process, over a small app, with a clock that the test moves."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import azure.durable_functions as df

from local.functions_host.clock import ManualClock
from local.functions_host.durable.history import Event, Type
from local.functions_host.durable.store import Instance
from local.functions_host.durable.webhooks import client_binding
from local.functions_host.functions import functions_of
from local.functions_host.host import RunningHost, serving
from local.functions_host.settings import host_options

INSTANCES = "/runtime/webhooks/durabletask/instances"
PATIENCE = 20.0
"""Seconds that a test waits for what must happen."""


class Heard(logging.Handler):
    """What the host has logged so far, and what it will log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._news.set()

    async def line(self, part: str, times: int = 1) -> list[str]:
        """The lines with `part` in them, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [line for line in self.lines if part in line]) < times:
                self._news.clear()
                await self._news.wait()
        return found


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Hear all that the host logs."""
    heard, log = Heard(), logging.getLogger("host")
    before = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(heard)
    yield heard
    log.removeHandler(heard)
    log.setLevel(before)


Story = Generator[Any, Any, Any]
"""What an orchestrator function is."""


def double(number: int) -> int:
    return number * 2


def broken(text: str) -> None:
    raise ValueError(text)


@dataclass(frozen=True)
class World:
    """A running host, the SDK's own client for it, and its clock."""

    running: RunningHost
    clock: ManualClock
    heard: Heard
    http: aiohttp.ClientSession

    @property
    def client(self) -> Any:
        return df.DurableOrchestrationClient(client_binding(self.running.url, "hub"))

    async def start(self, name: str, given: Any = None, instance: str = "one") -> str:
        began: str = await self.client.start_new(name, instance, given)
        return began

    async def tell(self, data: Any, name: str = "news", instance: str = "one") -> None:
        """Raise an event over HTTP, as anybody may, and wait for what that does."""
        await self.tell_only(name, data, instance)
        await self.quiet()

    async def tell_only(self, name: str, data: Any, instance: str = "one") -> None:
        """Raise an event, and wait for nothing."""
        path = f"{INSTANCES}/{instance}/raiseEvent/{name}"
        async with self.http.post(path, json=data) as answer:
            assert answer.status == 202

    async def instance(self, instance: str = "one") -> Instance:
        store = self.running.store
        found = await self.running.engine.call_store(store.instance, instance)
        assert found is not None
        return found

    async def history(self, instance: str = "one") -> list[Event]:
        return await self.running.engine.call_store(self.running.store.history, instance)

    async def kinds(self, instance: str = "one") -> list[str]:
        """The names of the events in history, without what begins and ends each episode."""
        dull = (Type.ORCHESTRATOR_STARTED, Type.ORCHESTRATOR_COMPLETED)
        kinds = [Type(found["EventType"]) for found in await self.history(instance)]
        return [kind.name for kind in kinds if kind not in dull]

    async def ended(self, instance: str = "one") -> Instance:
        """The instance, once it has ended."""

        async def over() -> bool:
            return (await self.instance(instance)).has_ended

        await asyncio.wait_for(self.running.engine.changed(over), PATIENCE)
        return await self.instance(instance)

    async def quiet(self) -> None:
        """Return once no orchestration has anything to do before the clock moves."""
        engine, store = self.running.engine, self.running.store

        async def still() -> bool:
            ready = await engine.call_store(store.ready, self.clock.now())
            runnable = [
                one for one in await engine.call_store(store.activities) if engine.knows(one)
            ]
            return not ready and not runnable

        await asyncio.wait_for(engine.changed(still), PATIENCE)

    async def skip(self, instance: str = "one") -> Instance:
        """Let each timer fire as soon as there is nothing else to do, until the instance ends."""
        while True:
            await self.quiet()
            one = await self.instance(instance)
            due = await self.running.engine.call_store(
                self.running.store.next_due, self.clock.now()
            )
            if one.has_ended or due is None:
                return one
            self.clock.advance_to(due)

    async def pass_time(self, by: timedelta) -> None:
        """Move the clock, and wait for what that does."""
        self.clock.advance(by)
        await self.quiet()


@contextlib.asynccontextmanager
async def hosted(
    app: Any,
    state: Path,
    clock: Any = None,
    options: dict[str, Any] | None = None,
    overdue: Callable[[str], None] = lambda name: None,
) -> AsyncIterator[World]:
    """A world around an app; `options` is a host.json."""
    clock = clock or ManualClock()
    functions, found = functions_of(app), host_options(options or {})
    with listening() as heard:
        async with (
            serving(functions, found, state, clock, on_timeout=overdue) as running,
            aiohttp.ClientSession(running.url, timeout=aiohttp.ClientTimeout(PATIENCE, 5)) as http,
        ):
            yield World(running, clock, heard, http)


def app_of(*orchestrators: Any, **activities: Any) -> Any:
    """An app of these generator functions, and of activities by name."""
    app = df.DFApp()
    for story in orchestrators:
        app.function_name(story.__name__)(app.orchestration_trigger(context_name="context")(story))
    for name, function in activities.items():
        parameter = function.__code__.co_varnames[0]
        app.function_name(name)(app.activity_trigger(input_name=parameter)(function))
    return app
