"""The loop that keeps orchestrations going: their turns, their activities and their timers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from local.functions_host.clock import Clock
from local.functions_host.durable.history import Type, event
from local.functions_host.durable.store import Activity, Instance, Message, Store
from local.functions_host.durable.turn import Ask, WorkItem, beginning, new_instance, work_item

log = logging.getLogger("host.durable")
T = TypeVar("T")


class ActivityFailed(Exception):
    """The function failed; the two texts are what history says of it."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.reason, self.details = reason, details


@dataclass(frozen=True)
class Functions:
    """The app's durable functions, by name in lower case."""

    orchestrators: dict[str, Ask]
    activities: dict[str, Callable[[Activity], Awaitable[str]]]
    """Each answers with the JSON of its result, or raises ActivityFailed."""
    watched: Callable[[str], AbstractContextManager[None]]
    """Watches over the time that an orchestrator takes."""
    threads: Executor
    """Where orchestrators run."""


@dataclass(frozen=True)
class Limits:
    """How many run at once (host.json, `extensions.durableTask`)."""

    orchestrators: int = 10
    activities: int = 10


class Engine:
    """Runs orchestrations while `run` runs. Its methods may be called from the same event loop."""

    def __init__(self, store: Store, functions: Functions, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._functions = functions
        self._clock = clock
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._busy: set[str] = set()
        self._orphans: set[str] = set()
        self._running: set[tuple[str, str, int]] = set()
        self._turns = asyncio.Semaphore(limits.orchestrators)
        self._calls = asyncio.Semaphore(limits.activities)
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._disk = ThreadPoolExecutor(1, "durable-store")  # SQLite is asked from one thread

    async def run(self) -> None:
        """Keep orchestrations going until cancelled; what runs then is taken up by the next run.

        It raises what keeps it from going on, such as a full disk; nothing is lost by that.
        """
        try:
            while True:
                self._wake.clear()
                if self._fault is not None:
                    raise self._fault
                now = self._clock.now()
                for instance_id in await self.ask(self._store.ready, now):
                    self._take_turn(instance_id)
                for activity in await self.ask(self._store.activities):
                    self._take_up(activity)
                await self._clock.wait(self._wake, await self.ask(self._store.next_due, now))
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._disk.shutdown()

    async def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Ask the store, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, question, *args)

    async def start(self, name: str, instance_id: str, text: str | None) -> Instance | None:
        """Begin an orchestration; None where one of this id is live. Raises LookupError."""
        if name.lower() not in self._functions.orchestrators:
            raise LookupError(name)
        now = self._clock.now()
        one = new_instance(instance_id, name, text, now)
        begun = await self.ask(self._store.start, one, beginning(one, now))
        self._wake.set()
        return one if begun else None

    async def send(self, instance_id: str, kind: Type, **fields: Any) -> None:
        """Send an orchestration something, whichever execution of it lives."""
        now = self._clock.now()
        said = event(kind, now, **fields)
        await self.ask(self._store.send, Message(instance_id, None, now, said))
        self._orphans.discard(instance_id)
        self._wake.set()

    def knows(self, activity: Activity) -> bool:
        """Whether the app has a function for it."""
        return activity.name.lower() in self._functions.activities

    async def changed(self, until: Callable[[], Awaitable[bool]]) -> None:
        """Return once `until` says so; it is asked again after every turn."""
        async with self._changed:
            while not await until():
                await self._changed.wait()

    def _take_turn(self, instance_id: str) -> None:
        if instance_id not in self._busy and instance_id not in self._orphans:
            self._busy.add(instance_id)
            self._spawn(self._turn(instance_id))

    def _take_up(self, activity: Activity) -> None:
        if activity.key not in self._running:
            self._running.add(activity.key)
            self._spawn(self._call(activity))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self._fault = fault
            self._wake.set()

    async def _turn(self, instance_id: str) -> None:
        async with self._turns:
            found = await self.ask(self._waking, instance_id, self._clock.now())
            if found is not None:
                await self._play(found)
        self._busy.discard(instance_id)
        self._wake.set()
        async with self._changed:
            self._changed.notify_all()

    async def _play(self, found: WorkItem) -> None:
        one = found.instance
        ask = self._functions.orchestrators.get(one.name.lower())
        loop = asyncio.get_running_loop()
        began = loop.time()
        with self._functions.watched(one.name):
            turn = await loop.run_in_executor(self._functions.threads, found.run, ask)
        if turn is None:
            self._orphans.add(one.id)
            log.error("no orchestrator is named %r: %s waits for it for ever", one.name, one.id)
            return
        await self.ask(self._store.commit, turn)
        took = (loop.time() - began) * 1000
        text = "orchestrator %-20s %-10s %6.0f ms  %s"
        log.debug(text, one.name, turn.instance.status, took, one.id)
        if turn.instance.status == "Failed":
            why = "Executed 'Functions.%s' (Failed, Id=%s, Duration=%.0fms) %s"
            log.error(why, one.name, one.id, took, turn.instance.output)

    def _waking(self, instance_id: str, now: datetime) -> WorkItem | None:
        """Everything about a turn; None where there is nobody to wake, and what came is dropped."""
        one = self._store.instance(instance_id)
        if one is None or one.has_ended:
            self._store.drop(instance_id)
            return None
        return work_item(
            one, self._store.history(instance_id), self._store.inbox(instance_id, now), now
        )

    async def _call(self, activity: Activity) -> None:
        if not self.knows(activity):
            # As on Azure, where nobody listens to that queue: it stays in `_running` for ever.
            text = "no activity is named %r: %s waits for it for ever"
            log.error(text, activity.name, activity.instance)
            return
        function = self._functions.activities[activity.name.lower()]
        async with self._calls:
            kind, fields = await self._outcome(function, activity)
            now = self._clock.now()
            said_event = event(kind, now, TaskScheduledId=activity.task) | fields
            message = Message(activity.instance, activity.execution, now, said_event)
            await self.ask(self._store.finish, activity, message)
        self._running.discard(activity.key)
        self._wake.set()

    async def _outcome(
        self, function: Callable[[Activity], Awaitable[str]], activity: Activity
    ) -> tuple[Type, dict[str, Any]]:
        try:
            return Type.TASK_COMPLETED, {"Result": await function(activity)}
        except ActivityFailed as failure:
            return Type.TASK_FAILED, {"Reason": failure.reason, "Details": failure.details}
