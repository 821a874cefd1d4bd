"""The engine's loop: runs work items, activities and timers of orchestrations."""

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
from local.functions_host.durable.store import Activity, DurableStore, Instance, Message
from local.functions_host.durable.work_item import (
    OrchestratorFunction,
    WorkItem,
    new_instance,
    start_message,
    work_item,
)

log = logging.getLogger("host.durable")
T = TypeVar("T")


class ActivityFailed(Exception):
    """The function failed; the two texts go into the history."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.reason, self.details = reason, details


@dataclass(frozen=True)
class Functions:
    """The app's durable functions, by name in lower case."""

    orchestrators: dict[str, OrchestratorFunction]
    activities: dict[str, Callable[[Activity], Awaitable[str]]]
    """Each returns its result as JSON, or raises ActivityFailed."""
    watched: Callable[[str], AbstractContextManager[None]]
    """Limits the duration of an orchestrator function."""
    threads: Executor
    """The threads that run orchestrators."""


@dataclass(frozen=True)
class Limits:
    """Concurrency limits (host.json, `extensions.durableTask`)."""

    orchestrators: int = 10
    activities: int = 10


class Engine:
    """Runs orchestrations while `run` runs. Call its methods from the same event loop."""

    def __init__(
        self, store: DurableStore, functions: Functions, clock: Clock, limits: Limits
    ) -> None:
        self._store = store
        self._functions = functions
        self._clock = clock
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._busy: set[str] = set()
        self._orphans: set[str] = set()
        self._running: set[tuple[str, str, int]] = set()
        self._orchestrator_slots = asyncio.Semaphore(limits.orchestrators)
        self._activity_slots = asyncio.Semaphore(limits.activities)
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._disk = ThreadPoolExecutor(1, "durable-store")  # SQLite connections stay on one thread

    async def run(self) -> None:
        """Run orchestrations until cancelled; the next run continues what was interrupted.

        Raises the error that prevents progress, such as a full disk; no state is lost then.
        """
        try:
            for activity in await self.call_store(self._store.activities):
                self._start_activity(activity)  # those of an earlier run; others follow a commit
            while True:
                self._wake.clear()
                if self._fault is not None:
                    raise self._fault
                work = await self.call_store(self._store.work, self._clock.now())
                for instance_id in work.ready:
                    self._start_work_item(instance_id)
                await self._clock.wait(self._wake, work.next_due)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._disk.shutdown()

    async def call_store(self, method: Callable[..., T], *args: Any) -> T:
        """Call a method of the store, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, method, *args)

    async def start(self, name: str, instance_id: str, text: str | None) -> Instance | None:
        """Start an orchestration; None if the id belongs to a live one. Raises LookupError."""
        if name.lower() not in self._functions.orchestrators:
            raise LookupError(name)
        now = self._clock.now()
        instance = new_instance(instance_id, name, text, now)
        is_started = await self.call_store(
            self._store.start, instance, start_message(instance, now)
        )
        self._wake.set()
        return instance if is_started else None

    async def send(self, instance_id: str, kind: Type, **fields: Any) -> None:
        """Send an event to the instance's current execution."""
        now = self._clock.now()
        message_event = event(kind, now, **fields)
        await self.call_store(self._store.send, Message(instance_id, None, now, message_event))
        self._orphans.discard(instance_id)
        self._wake.set()

    def knows(self, activity: Activity) -> bool:
        """Whether the app has a function for the activity."""
        return activity.name.lower() in self._functions.activities

    async def changed(self, until: Callable[[], Awaitable[bool]]) -> None:
        """Return once `until` returns True; it is called again after every work item."""
        async with self._changed:
            while not await until():
                await self._changed.wait()

    def _start_work_item(self, instance_id: str) -> None:
        if instance_id not in self._busy and instance_id not in self._orphans:
            self._busy.add(instance_id)
            self._spawn(self._run_work_item(instance_id))

    def _start_activity(self, activity: Activity) -> None:
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

    async def _run_work_item(self, instance_id: str) -> None:
        async with self._orchestrator_slots:
            item = await self.call_store(self._load_work_item, instance_id, self._clock.now())
            if item is not None:
                await self._execute(item)
        self._busy.discard(instance_id)
        self._wake.set()
        async with self._changed:
            self._changed.notify_all()

    async def _execute(self, item: WorkItem) -> None:
        instance = item.instance
        orchestrator = self._functions.orchestrators.get(instance.name.lower())
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        with self._functions.watched(instance.name):
            commit = await loop.run_in_executor(self._functions.threads, item.run, orchestrator)
        if commit is None:
            self._orphans.add(instance.id)
            log.error(
                "orchestrator %r does not exist: instance %s cannot proceed",
                instance.name,
                instance.id,
            )
            return
        await self.call_store(self._store.commit, commit)
        for activity in commit.activities:
            self._start_activity(activity)
        duration_ms = (loop.time() - started_at) * 1000
        text = "orchestrator %-20s %-10s %6.0f ms  %s"
        log.debug(text, instance.name, commit.instance.status, duration_ms, instance.id)
        if commit.instance.status == "Failed":
            why = "Executed 'Functions.%s' (Failed, Id=%s, Duration=%.0fms) %s"
            log.error(why, instance.name, instance.id, duration_ms, commit.instance.output)

    def _load_work_item(self, instance_id: str, now: datetime) -> WorkItem | None:
        """The instance's work item; None, and its messages dropped, without a live one."""
        instance = self._store.instance(instance_id)
        if instance is None or instance.has_ended:
            self._store.drop(instance_id)
            return None
        return work_item(
            instance, self._store.history(instance_id), self._store.inbox(instance_id, now), now
        )

    async def _call(self, activity: Activity) -> None:
        if not self.knows(activity):
            # As on Azure, where no worker reads that queue: the activity never runs.
            text = "activity %r does not exist: instance %s cannot proceed"
            log.error(text, activity.name, activity.instance)
            return
        function = self._functions.activities[activity.name.lower()]
        async with self._activity_slots:
            kind, fields = await self._outcome(function, activity)
            now = self._clock.now()
            completion = event(kind, now, TaskScheduledId=activity.task) | fields
            message = Message(activity.instance, activity.execution, now, completion)
            await self.call_store(self._store.finish, activity, message)
        self._running.discard(activity.key)
        self._wake.set()

    async def _outcome(
        self, function: Callable[[Activity], Awaitable[str]], activity: Activity
    ) -> tuple[Type, dict[str, Any]]:
        try:
            return Type.TASK_COMPLETED, {"Result": await function(activity)}
        except ActivityFailed as failure:
            return Type.TASK_FAILED, {"Reason": failure.reason, "Details": failure.details}
