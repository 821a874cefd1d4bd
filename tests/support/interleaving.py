"""Runs submissions side by side, one storage call at a time, in an order that a test chooses."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextvars import ContextVar, copy_context
from random import Random
from typing import Any

from shared.clients.blobs import BlobInfo, Blobs
from shared.clients.tables import Columns, Insert, Replace, Row, Table, Write


class Died(Exception):
    """The process ended."""


_submission: ContextVar[int] = ContextVar("submission")
"""The number of the submission that a call belongs to; tasks that it starts inherit it."""


class Interleaving:
    """Lets one of several submissions, each by a process of its own, make its next storage call."""

    def __init__(self, seed: int, before_each: Callable[[], None] = lambda: None) -> None:
        """`before_each` is called before each call: a clock can go on."""
        self._chance = Random(seed)
        self._before_each = before_each
        self._waiting: dict[int, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self.calls = 0
        self.dies_after: int | None = None
        """The number of calls after which each further one finds its process dead."""

    async def run(self, *submissions: Coroutine[Any, Any, str]) -> list[str | BaseException]:
        """The results of all of them."""
        tasks = {}
        for number, submission in enumerate(submissions):
            context = copy_context()
            context.run(_submission.set, number)
            tasks[number] = asyncio.create_task(submission, context=context)
            tasks[number].add_done_callback(lambda _: self._changed.set())
        while running := {number for number, task in tasks.items() if not task.done()}:
            if running - set(self._waiting):
                self._changed.clear()
                await self._changed.wait()
                continue
            self._before_each()
            self._waiting.pop(self._chance.choice(sorted(running))).set()
        return await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def step(self) -> None:
        """Wait for the turn of this submission."""
        self.calls += 1
        if self.dies_after is not None and self.calls > self.dies_after:
            raise Died
        go = self._waiting[_submission.get()] = asyncio.Event()
        self._changed.set()
        await go.wait()


class SteppedTable(Table):
    """A table whose calls wait for their turn."""

    def __init__(self, real: Table, order: Interleaving) -> None:
        self.__dict__ |= real.__dict__
        self._order = order

    async def get(self, partition: str, key: str) -> Row | None:
        await self._order.step()
        return await super().get(partition, key)

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        await self._order.step()
        return await super().commit(writes)

    async def write(self, write: Insert | Replace) -> str:
        await self._order.step()
        return await super().write(write)

    async def upsert(self, columns: Columns) -> None:
        await self._order.step()
        await super().upsert(columns)

    async def query(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Row]:
        await self._order.step()
        async for row in super().query(*args, **kwargs):
            yield row


class SteppedBlobs(Blobs):
    """Blobs whose checks of databases, and uploads, wait for their turn."""

    def __init__(self, real: Blobs, order: Interleaving) -> None:
        self.__dict__ |= real.__dict__
        self._order = order

    async def list(self, prefix: str) -> list[BlobInfo]:
        await self._order.step()
        return await super().list(prefix)

    async def put(self, url: str, data: bytes) -> None:
        await self._order.step()
        await super().put(url, data)
