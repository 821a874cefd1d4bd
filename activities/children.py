"""The children of a batch: they are created in chunks, and cancelled."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from activities.context import ActivityContext
from activities.ports import Orchestrations
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, Category, Chunk, ChunkResult
from shared.contracts.job import Job, child_id
from shared.contracts.search import SearchSpec
from shared.contracts.states import Phase
from shared.contracts.storage_urls import StorageAccount
from shared.errors import Conflict, RetryableError
from shared.jobs.batch_blob import batch_url, load, query_url
from shared.telemetry.tracing import current_trace_parent
from shared.util.parallel import parallel_map
from shared.util.threads import in_thread

PARALLELISM = 8
"""Children that one activity creates or cancels at a time."""


@dataclass(frozen=True)
class ChildJobs:
    """Creates and cancels children. Idempotent, also after a crash in the middle of a chunk."""

    context: ActivityContext
    blobs: Blobs
    orchestrations: Orchestrations

    async def create_children(self, input_: ActivityInput) -> ChunkResult:
        """Create the children of a chunk, and start them; those that exist are adopted.

        A batch that is being stopped creates none. A counterpart that does not answer is a value.
        """
        try:
            parent = await self.context.jobs.get(input_.job_id)
            if input_.chunk and input_.attempt == parent.attempt and not self._stops(parent):
                await self._create_chunk(parent, input_.chunk)
        except RetryableError as error:
            policy = self.context.settings.retry(Category.TRANSIENT)
            delay = policy.delay_after_attempt(1, error.retry_after) or policy.first
            return ChunkResult(error.code, delay)
        return ChunkResult()

    async def cancel(self, job_ids: Iterable[str]) -> None:
        """Request the cancel of these children, and wake them. Raises Unavailable."""
        await parallel_map(self._cancel, job_ids, PARALLELISM)

    async def cancel_unlisted(self, parent: Job) -> None:
        """Cancel the children that have an active row but no list row, and write that row.

        A child gets its list row last, and its creator may die before that. Raises Unavailable.
        """
        active_ids = self.context.jobs.index.find_active_row_ids(parent.job_id)
        await self.cancel([id async for id in active_ids if await self.context.jobs.find(id)])

    async def _create_chunk(self, parent: Job, chunk: Chunk) -> None:
        numbers = range(chunk.first, chunk.last + 1)
        specs = await self._load_specs(parent, numbers)
        children = await parallel_map(partial(self._create_child, parent), specs, PARALLELISM)
        # Read the parent again: a cancel before this has seen the children, or is seen here.
        if self._stops(await self.context.jobs.get(parent.job_id)):
            await self.cancel([child.job_id for child in children])
        else:
            await parallel_map(self.orchestrations.ensure_started, children, PARALLELISM)

    def _stops(self, parent: Job) -> bool:
        return parent.phase.is_end or self.context.should_stop(parent)

    async def _load_specs(self, job: Job, numbers: range) -> list[tuple[int, SearchSpec]]:
        data = await self.blobs.get(batch_url(self._account(job), job.job_id, job.fingerprint))
        if data is None:
            raise LookupError(f"the blob with the searches of {job.job_id} is missing")
        # In a thread, as splitting a large blob takes long.
        return list(zip(numbers, await in_thread(load, data, numbers), strict=True))

    async def _create_child(self, parent: Job, numbered: tuple[int, SearchSpec]) -> Job:
        """The child of that number, with its query in Blob."""
        number, spec = numbered
        child = self._child(parent, number, spec)
        if spec.query_text is not None:
            url = query_url(self._account(parent), child)
            await self.blobs.put(url, spec.query_text.encode())
            child = replace(child, search=replace(child.search, query_url=url))
        payload = {"source": parent.submission_source, "parent_job_id": parent.job_id}
        return await self.context.jobs.create(child, payload)

    def _child(self, parent: Job, number: int, spec: SearchSpec) -> Job:
        job_id, now = child_id(parent.job_id, number), self.context.now()
        return Job(
            job_id=job_id,
            elb_job_id=job_id,
            owner=parent.owner,
            search=spec.search,
            fingerprint=spec.fingerprint,
            submission_source=parent.submission_source,
            correlation_id=parent.correlation_id,
            phase=Phase.QUEUED,
            created_at=now,
            updated_at=now,
            deadline_at=now + self.context.settings.job_timeout,
            parent_job_id=parent.job_id,
            child_number=number,
            trace_parent=current_trace_parent(),
        )

    async def _cancel(self, job_id: str) -> None:
        """Request the cancel of a child, and wake it; start one that never began, to end itself."""
        jobs = self.context.jobs
        child = await jobs.get(job_id)
        if child.phase.is_end or child.cancel_requested_at:
            await jobs.sync(child)  # its row in the list may lag
        else:
            with suppress(Conflict):  # it has just ended
                child = await jobs.request_cancel(job_id)
        if child.phase is Phase.QUEUED:
            await self.orchestrations.ensure_started(child)
        if not child.phase.is_end:
            await self.orchestrations.wake(child)

    def _account(self, job: Job) -> StorageAccount:
        return StorageAccount(
            job.search.placement.storage_account, self.context.settings.storage_suffix
        )
