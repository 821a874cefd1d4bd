"""A batch of searches on a real job store, with Durable Functions that only remembers."""

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.batch import BatchActivities
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, Chunk, ChunkResult, Stage, StepResult
from shared.contracts.job import Job, child_id
from shared.contracts.search import SearchSpec
from shared.contracts.states import Phase
from shared.contracts.storage_urls import StorageAccount
from shared.errors import Unavailable
from shared.jobs.batch_blob import batch_url, dump
from tests.support.samples import job, search

MOST_STEPS = 40
FASTA = ">q\nACGT\n"
Make = Callable[..., Awaitable["BatchFixture"]]


@dataclass
class Remembered:
    """Which orchestrations were started, and which were woken. `refuse` makes it raise once."""

    started: Counter[str] = field(default_factory=Counter)
    woken: Counter[str] = field(default_factory=Counter)
    refuse: str | None = None

    async def ensure_started(self, job: Job) -> None:
        if job.job_id == self.refuse:
            self.refuse = None
            raise Unavailable("not_started", "away")
        self.started[job.job_id] += 1

    async def wake(self, job: Job) -> None:
        self.woken[job.job_id] += 1


@dataclass
class BatchFixture:
    """A batch whose steps tests run one after another, as its orchestrator does."""

    batch: BatchActivities
    durable: Remembered
    parent_id: str
    chunks: tuple[Chunk, ...] = ()
    """Chunks that are to be created before the next step."""
    _step: int = 0

    async def parent(self) -> Job:
        return await self.batch.context.jobs.get(self.parent_id)

    async def child(self, number: int) -> Job:
        return await self.batch.context.jobs.get(child_id(self.parent_id, number))

    async def children(self) -> list[Job]:
        found: list[Job] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self.batch.context.jobs.index.children(self.parent_id, 500, cursor)
            found, cursor = [*found, *page.jobs], page.cursor
        return found

    async def step(self, stage: Stage) -> StepResult:
        """Run one step of a stage; the chunks that it names are not created yet."""
        self._step += 1
        methods: dict[Stage, Callable[[ActivityInput], Awaitable[StepResult]]] = {
            Stage.START_CHILDREN: self.batch.start_children,
            Stage.WATCH_CHILDREN: self.batch.observe_children,
            Stage.CLEAN_UP_CHILDREN: self.batch.cancel_children,
        }
        result = await methods[stage](ActivityInput(self.parent_id, self._step))
        self.chunks = result.fan_out
        return result

    async def create(self, chunk: Chunk) -> ChunkResult:
        """Create one chunk."""
        return await self.batch.children.create_children(
            ActivityInput(self.parent_id, self._step, chunk=chunk)
        )

    async def say(self, stage: Stage) -> StepResult:
        """Run a step and the chunks that it names; where all are created, the step after them."""
        if not self.chunks:
            result = await self.step(stage)
            if not self.chunks:
                return result
        self.chunks = tuple(
            [chunk for chunk in self.chunks if not (await self.create(chunk)).is_done]
        )
        if self.chunks:
            return StepResult((await self.parent()).phase, Stage.START_CHILDREN)
        return await self.step(Stage.START_CHILDREN)

    async def until(self, stage: Stage, result: StepResult | None = None) -> StepResult:
        """Follow the results, from the first step or from `result`, until this stage is next."""
        result = result or await self.say(Stage.START_CHILDREN)
        for _ in range(MOST_STEPS):
            if result.next_stage in (stage, None):
                return result
            assert result.next_stage is not None
            result = await self.say(result.next_stage)
        raise AssertionError(f"{stage} does not follow within {MOST_STEPS} steps")

    async def ask_to_cancel(self) -> None:
        jobs = self.batch.context.jobs
        await jobs.update(
            self.parent_id, "cancel_requested", cancel_requested_at=self.batch.context.now()
        )

    async def end_parent(self, phase: Phase) -> None:
        """Another step ends the batch while this one goes on."""
        for step in (Phase.CANCELLING, phase):
            await self.batch.context.jobs.update(self.parent_id, step.value, phase=step)

    async def end(self, number: int, phase: Phase) -> None:
        """A child's own orchestration brings it to this end."""
        jobs = self.batch.context.jobs
        child = await self.child(number)
        before = Phase.EXPORTING_RESULTS if phase is Phase.COMPLETED else Phase.CANCELLING
        for step in (before, phase):
            await jobs.update(child.job_id, step.value, phase=step)

    async def events(self) -> list[str]:
        found = await self.batch.context.jobs.events(self.parent_id)
        assert [event.sequence for event in found] == list(range(1, len(found) + 1))
        return [event.event for event in found]


async def open_batch(
    make: Callable[[Remembered], BatchActivities], blobs: Blobs, size: int, **changes: Any
) -> BatchFixture:
    """A batch of so many searches that was accepted at noon."""
    parent = job(uuid.uuid4().int, child_count=size, fingerprint="c" * 64, **changes)
    searches = [
        SearchSpec(search(query_url="", title=f"search {n}"), FASTA, f"{n:064x}")
        for n in range(1, size + 1)
    ]
    account = StorageAccount(parent.search.placement.storage_account)
    await blobs.put_if_absent(batch_url(account, parent.job_id, parent.fingerprint), dump(searches))
    durable = Remembered()
    batch = make(durable)
    await batch.context.jobs.create(parent, {})
    return BatchFixture(batch, durable, parent.job_id)


@contextmanager
def meanwhile(
    batch: BatchFixture, number: int, happens: Callable[[], Awaitable[object]]
) -> Iterator[None]:
    """Let something happen just before the row of the child of that number is written."""
    create = batch.batch.context.jobs.create

    async def interrupted(child: Job, payload: Any) -> Job:
        if child.child_number == number:
            await happens()
        return await create(child, payload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch.batch.context.jobs, "create", interrupted)
        yield


async def power_loss() -> None:
    raise KeyError("power loss")
