"""Indexing the hits of a search, whose results are all there: this never fails the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from activities import endings
from activities.context import ActivityContext
from shared.blast.result_files import outfmt_of
from shared.clients.blobs import Blobs
from shared.contracts.activities import (
    ActivityInput,
    Category,
    Chunk,
    ChunkResult,
    Stage,
    StepResult,
)
from shared.contracts.job import Job, JobChanges
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.errors import ControlPlaneError, PermanentError, RetryableError
from shared.hits.formats import is_readable
from shared.hits.index import HitIndex
from shared.hits.indexer import Indexer
from shared.hits.store import IndexSource
from shared.results.job_index import JobIndex

MOST_CHUNKS = 8
"""Segments that are indexed side by side, by as many processes as there are."""
SMALL = 8 * 1024**2
"""Bytes of results that the stage's own activity indexes, which spares the fan-out."""


@dataclass(frozen=True)
class HitIndexing:
    """The stage INDEX."""

    context: ActivityContext
    blobs: Blobs
    indexer: Indexer

    async def plan_index(self, input_: ActivityInput) -> StepResult:
        """Name the files to index next; complete the job once its hits are indexed, or after
        INDEX_TIMEOUT."""
        return await self.context.run_step(Stage.INDEX, input_, self._plan)

    async def index_hits(self, input_: ActivityInput) -> ChunkResult:
        """HitIndex the files of a chunk. Idempotent; every trouble is a value."""
        try:
            job = await self.context.jobs.get(input_.job_id)
            if input_.chunk and input_.attempt == job.attempt and self._goes_on(job):
                await self._index_chunk(self._index_of(job), input_.chunk)
        except ControlPlaneError as error:
            return ChunkResult(error.code, self._delay(error))
        return ChunkResult()

    async def _plan(self, job: Job, input_: ActivityInput) -> Outcome:
        outfmt = outfmt_of(job.search)
        if not is_readable(outfmt):
            return endings.complete("format_not_readable")
        if not self._goes_on(job):
            limit = self.context.settings.index_timeout.total_seconds()
            reason = f"indexing was not done after {limit:.0f} s, or the deadline has passed"
            return endings.complete_without_index(job, reason)
        try:
            return await self._next(job)
        except RetryableError as error:
            delay = self._delay(error)
            return Outcome(OutcomeKind.PENDING, job.phase, delay, facts={"index": error.code})
        except PermanentError as error:
            return endings.complete_without_index(job, str(error))

    async def _next(self, job: Job) -> Outcome:
        index = self._index_of(job)
        plan = await index.plan()
        missing = await index.find_missing(plan)
        if len(missing) == 1 and sum(file.size for file in missing[0]) <= SMALL:
            await index.index(missing[0])
            missing = []
        if missing:
            return self._go_on(job, len(plan), missing)
        completed = await index.complete(plan)
        if completed is None:
            return Outcome(OutcomeKind.PENDING, job.phase, timedelta(seconds=1))
        return endings.complete("complete", _facts(completed))

    def _go_on(self, job: Job, expected: int, missing: Sequence[Sequence[IndexSource]]) -> Outcome:
        """Index the next parts side by side, and say how many are done."""
        facts = {"indexed": expected - len(missing), "expected": expected}
        reason = f"hits are being indexed: {facts['indexed']} of {expected} parts are done"
        changes: JobChanges = {"reason": reason}
        return Outcome(
            OutcomeKind.PENDING,
            job.phase,
            facts=facts,
            fan_out=tuple(_chunk(files) for files in missing[:MOST_CHUNKS]),
            event=None if self.context.recently_reported(job, reason) else "indexing",
            payload=facts,
            changes=changes,
        )

    async def _index_chunk(self, index: JobIndex, chunk: Chunk) -> None:
        plan = await index.plan()
        for files in await index.find_missing(plan):
            if _chunk(files) == chunk:
                await index.index(files)

    def _goes_on(self, job: Job) -> bool:
        """Whether there is time left, and no cancel was requested."""
        now = self.context.now()
        since = job.collected_at or job.updated_at
        is_late = now - since > self.context.settings.index_timeout or now >= job.deadline_at
        return endings.has_only_to_be_indexed(job) and not is_late

    def _index_of(self, job: Job) -> JobIndex:
        return JobIndex(self.blobs, self.indexer, job)

    def _delay(self, error: ControlPlaneError) -> timedelta:
        retry_after = error.retry_after if isinstance(error, RetryableError) else None
        return retry_after or self.context.settings.retry(Category.TRANSIENT).first


def _chunk(files: Sequence[IndexSource]) -> Chunk:
    return Chunk(files[0].number, files[-1].number)


def _facts(index: HitIndex) -> dict[str, object]:
    facts: dict[str, object] = {"hits": index.hits, "files": len(index.files)}
    if unreadable := [file.name for file in index.unreadable]:
        facts["files_unreadable"] = len(unreadable)
    return facts
