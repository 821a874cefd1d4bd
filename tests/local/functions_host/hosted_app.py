"""Runs a host in the test's process, with a small app and a clock that the test moves."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import azure.durable_functions as df

from local.functions_host.clock import ManualClock
from local.functions_host.durable.history import Event, Type
from local.functions_host.durable.store import Activity, DurableStore, Instance
from local.functions_host.durable.webhooks import client_binding
from local.functions_host.functions import functions_of
from local.functions_host.host import RunningHost, serving
from local.functions_host.settings import host_options

INSTANCES = "/runtime/webhooks/durabletask/instances"
TIMEOUT_SECONDS = 20.0
"""Seconds that a test waits for an expected event."""


class LogCapture(logging.Handler):
    """Captures the host's log lines, and waits for further ones."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._logged = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._logged.set()

    async def line(self, part: str, times: int = 1) -> list[str]:
        """The lines that contain `part`, once there are `times` of them."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(matching := [line for line in self.lines if part in line]) < times:
                self._logged.clear()
                await self._logged.wait()
        return matching


@contextlib.contextmanager
def captured_log() -> Iterator[LogCapture]:
    """Capture the host's log."""
    capture, logger = LogCapture(), logging.getLogger("host")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(capture)
    yield capture
    logger.removeHandler(capture)
    logger.setLevel(level)


Orchestration = Generator[Any, Any, Any]
"""The return type of an orchestrator function."""


def double(number: int) -> int:
    return number * 2


def broken(text: str) -> None:
    raise ValueError(text)


@dataclass(frozen=True)
class HostFixture:
    """A running host with the SDK's client and the test's clock."""

    running: RunningHost
    clock: ManualClock
    log: LogCapture
    http: aiohttp.ClientSession

    @property
    def client(self) -> Any:
        return df.DurableOrchestrationClient(client_binding(self.running.url, "hub"))

    async def start(self, name: str, given: Any = None, instance: str = "one") -> str:
        began: str = await self.client.start_new(name, instance, given)
        return began

    async def raise_event(self, data: Any, name: str = "news", instance: str = "one") -> None:
        """Raise an event over HTTP, and wait until it is handled."""
        await self.raise_event_only(name, data, instance)
        await self.idle()

    async def raise_event_only(self, name: str, data: Any, instance: str = "one") -> None:
        """Raise an event without waiting."""
        path = f"{INSTANCES}/{instance}/raiseEvent/{name}"
        async with self.http.post(path, json=data) as answer:
            assert answer.status == 202

    async def instance(self, instance: str = "one") -> Instance:
        store = self.running.store
        stored = await self.running.engine.call_store(store.instance, instance)
        assert stored is not None
        return stored

    async def history(self, instance: str = "one") -> list[Event]:
        return await self.running.engine.call_store(self.running.store.history, instance)

    async def event_types(self, instance: str = "one") -> list[str]:
        """The types of the events in history, without the start and end of each episode."""
        episode_types = (Type.ORCHESTRATOR_STARTED, Type.ORCHESTRATOR_COMPLETED)
        kinds = [Type(event["EventType"]) for event in await self.history(instance)]
        return [kind.name for kind in kinds if kind not in episode_types]

    async def ended(self, instance: str = "one") -> Instance:
        """The instance, once it has ended."""

        async def has_ended() -> bool:
            return (await self.instance(instance)).has_ended

        await asyncio.wait_for(self.running.engine.changed(has_ended), TIMEOUT_SECONDS)
        return await self.instance(instance)

    async def idle(self) -> None:
        """Wait until nothing is due before the clock moves."""
        engine, store = self.running.engine, self.running.store

        async def is_idle() -> bool:
            ready, activities = await engine.call_store(unfinished, store, self.clock.now())
            return not ready and not any(map(engine.knows, activities))

        await asyncio.wait_for(engine.changed(is_idle), TIMEOUT_SECONDS)

    async def run_to_end(self, instance: str = "one") -> Instance:
        """Advance the clock from timer to timer until the instance ends."""
        while True:
            await self.idle()
            current = await self.instance(instance)
            due = await self.running.engine.call_store(
                self.running.store.next_due, self.clock.now()
            )
            if current.has_ended or due is None:
                return current
            self.clock.advance_to(due)

    async def advance(self, by: timedelta) -> None:
        """Advance the clock, and wait until everything due is handled."""
        self.clock.advance(by)
        await self.idle()


@contextlib.asynccontextmanager
async def hosted(
    app: Any,
    state: Path,
    clock: Any = None,
    options: dict[str, Any] | None = None,
    on_timeout: Callable[[str], None] = lambda name: None,
) -> AsyncIterator[HostFixture]:
    """Run a host for an app; `options` is a host.json."""
    clock = clock or ManualClock()
    functions, host_json = functions_of(app), host_options(options or {})
    with captured_log() as log:
        async with (
            serving(functions, host_json, state, clock, on_timeout=on_timeout) as running,
            aiohttp.ClientSession(
                running.url, timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS, 5)
            ) as http,
        ):
            yield HostFixture(running, clock, log, http)


def unfinished(store: DurableStore, now: datetime) -> tuple[Sequence[str], Sequence[Activity]]:
    """The instances with due messages, and the activities. In one call of the store: an activity
    that ends between two would be in neither.
    """
    return store.ready(now), store.activities()


def app_of(*orchestrators: Any, **activities: Any) -> Any:
    """An app of these orchestrators and activities, the latter by name."""
    app = df.DFApp()
    for orchestrator in orchestrators:
        app.function_name(orchestrator.__name__)(
            app.orchestration_trigger(context_name="context")(orchestrator)
        )
    for name, function in activities.items():
        parameter = function.__code__.co_varnames[0]
        app.function_name(name)(app.activity_trigger(input_name=parameter)(function))
    return app
