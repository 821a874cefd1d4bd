"""The stages of a batch of searches: its children are started, counted and cancelled."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

from activities import endings
from activities.children import ChildJobs
from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, Chunk, CleanupResult, Stage, StepResult
from shared.contracts.job import Counts, Job, JobChanges, PendingFailure
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.jobs.index import ActiveChild

CHUNK = 50
"""Children that one activity creates or cancels, so that it takes seconds."""
MAX_ACTIVE_CHILDREN = 200
"""Children that may be active: more would only wait for the cluster's one submit slot."""
MAX_FAN_OUT = 50
"""Chunks that are created side by side. With more, the orchestration's history grows too long."""
MOST_PROGRESS_EVENTS = 100
CANCEL_POLL_INTERVAL = timedelta(seconds=1)
"""Between two looks at children whose cancel was requested."""


@dataclass(frozen=True)
class BatchActivities:
    """The stages START_CHILDREN, WATCH_CHILDREN and CLEAN_UP_CHILDREN."""

    context: ActivityContext
    children: ChildJobs
    chunk: int = CHUNK
    max_active: int = MAX_ACTIVE_CHILDREN

    async def start_children(self, input_: ActivityInput) -> StepResult:
        """Count the children, and name the chunks to create next."""
        return await self.context.run_step(Stage.START_CHILDREN, input_, self._start_children)

    async def observe_children(self, input_: ActivityInput) -> StepResult:
        """Count the children by status; the batch ends once all of them have."""
        return await self.context.run_step(Stage.WATCH_CHILDREN, input_, self._observe_children)

    async def cancel_children(self, input_: ActivityInput) -> StepResult:
        """Cancel the next chunk of children; the batch ends once all of them have."""
        return await self.context.run_step(Stage.CLEAN_UP_CHILDREN, input_, self._cancel_children)

    async def clean_up(self, job: Job) -> CleanupResult:
        """Whether all children of a batch that has ended are cleaned up.

        Each child has a clean-up of its own; the batch only has reconcile try it again.
        """
        index = self.context.jobs.index
        left = await index.unconfirmed(job.job_id, self.chunk)
        if not left:
            return CleanupResult("nothing is left of any search")
        for job_id in left:
            if child := await self.context.jobs.find(job_id):
                await index.defer(child, self.context.now())
        return CleanupResult(None, f"something may be left of {', '.join(left[:5])}")

    async def _start_children(self, job: Job, input_: ActivityInput) -> Outcome:
        """All chunks of the last fan-out count only once all their rows are there."""
        tally = await self.context.jobs.index.count_by_status(job.job_id)
        issued = job.decision.fan_out if job.decision else ()
        made = issued[-1].last if issued else job.counts.active
        progress = {"made": job.counts.active, "expected": job.child_count}
        interval = self.context.poll_interval(job.polling_since)
        if tally.total() < made:
            return Outcome(OutcomeKind.PENDING, job.phase, interval, facts=progress, fan_out=issued)
        active, progress = tally.total() - _ended(tally), progress | {"made": made}
        changes: JobChanges = {"counts": Counts(expected=job.child_count, active=made)}
        if made == job.child_count:
            return Outcome(
                OutcomeKind.DONE,
                Phase.RUNNING,
                interval,
                facts=progress,
                event="running",
                payload=progress,
                changes={**changes, "started_at": self.context.now()},
            )
        chunks = self._next_chunks(made, job.child_count, self.max_active - active)
        pending = Outcome(OutcomeKind.PENDING, Phase.SUBMITTING, facts=progress, fan_out=chunks)
        if not chunks:
            pending = replace(pending, phase=job.phase, delay=interval)
        if not chunks and not issued:
            return pending
        return replace(pending, event="progress", payload=progress, changes=changes)

    def _next_chunks(self, made: int, size: int, room: int) -> tuple[Chunk, ...]:
        """The chunks behind the first `made` children for which there is room."""
        firsts = range(made + 1, size + 1, self.chunk)
        most = min(max(room, 0) // self.chunk, MAX_FAN_OUT)
        return tuple(Chunk(first, min(first + self.chunk - 1, size)) for first in firsts[:most])

    async def _observe_children(self, job: Job, input_: ActivityInput) -> Outcome:
        tally = await self.context.jobs.index.count_by_status(job.job_id)
        if _ended(tally) == job.child_count:
            return await self._finish(job, tally)
        counts = _counts(job, tally)
        progress = {"done": _ended(tally), "expected": job.child_count}
        delay = self.context.poll_interval(job.polling_since)
        pending = Outcome(OutcomeKind.PENDING, Phase.RUNNING, delay, facts=progress)
        moved = abs(job.counts.active - counts.active)
        if not moved or moved * MOST_PROGRESS_EVENTS < job.child_count:
            return pending
        return replace(pending, event="progress", payload=progress, changes={"counts": counts})

    async def _finish(self, job: Job, tally: Counter[Status]) -> Outcome:
        """All children have ended, and the batch was not stopped."""
        if tally[Status.COMPLETED] < job.child_count:
            error, now = _describe_failures(job, tally), self.context.now()
            failure = PendingFailure(Phase.SEARCH_FAILED, "children_failed", error, now)
            return await self._end(job, tally, failure.phase, failure)
        if job.phase is not Phase.EXPORTING_RESULTS:
            return Outcome(
                OutcomeKind.PENDING,
                Phase.EXPORTING_RESULTS,
                event="exporting_results",
                changes={"counts": _counts(job, tally)},
            )
        return await self._end(job, tally, Phase.COMPLETED)

    async def _cancel_children(self, job: Job, input_: ActivityInput) -> Outcome:
        if job.phase is not Phase.CANCELLING:
            return await self._begin_to_stop(job)
        active = await self._active_children(job)
        if not active:
            return await self._stopped(job)
        unrequested = [child.job_id for child in active if not child.cancel_requested]
        unstarted = [
            child.job_id for child in active if child.cancel_requested and not child.started
        ]
        await self.children.cancel([*unrequested, *unstarted][: self.chunk])
        delay = timedelta(0) if len(unrequested) > self.chunk else CANCEL_POLL_INTERVAL
        pending = Outcome(OutcomeKind.PENDING, Phase.CANCELLING, delay, facts={"left": len(active)})
        if job.reason is not None:
            return pending
        reason = f"waiting for {len(active)} of {job.child_count} searches to be stopped"
        return replace(
            pending,
            event="cleanup_pending",
            payload={"reason": reason},
            changes={"reason": reason},
        )

    async def _active_children(self, job: Job) -> list[ActiveChild]:
        """The children that have not ended, by the list, and at its end also those that lack a row
        there: a batch is not cancelled while one of them could still run."""
        find_active = self.context.jobs.index.find_active_children
        if active := [item async for item in find_active(job.job_id)]:
            return active
        await self.children.cancel_unlisted(job)
        return [item async for item in find_active(job.job_id)]

    async def _begin_to_stop(self, job: Job) -> Outcome:
        tally = await self.context.jobs.index.count_by_status(job.job_id)
        if tally[Status.COMPLETED] + tally[Status.FAILED] == job.child_count:
            return await self._finish(job, tally)  # there is nothing to stop
        return Outcome(
            OutcomeKind.STOP,
            Phase.CANCELLING,
            event="cancelling",
            payload={"from_phase": job.phase.value},
        )

    async def _stopped(self, job: Job) -> Outcome:
        tally = await self.context.jobs.index.count_by_status(job.job_id)
        if job.pending_failure:
            return await self._end(job, tally, job.pending_failure.phase, job.pending_failure)
        now = self.context.now()
        if job.cancel_requested_at is None:
            error = f"the searches had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            failure = PendingFailure(Phase.TIMED_OUT, "timed_out", error, now)
            return await self._end(job, tally, failure.phase, failure)
        if left := await self.context.jobs.index.unconfirmed(job.job_id, self.chunk):
            names = ", ".join(left[:5])
            error = f"the cancel could not be confirmed, and something may be left of {names}"
            failure = PendingFailure(Phase.TIMED_OUT, "cleanup_unconfirmed", error, now)
            return await self._end(job, tally, failure.phase, failure)
        return await self._end(job, tally, Phase.CANCELLED)

    async def _end(
        self,
        job: Job,
        tally: Counter[Status],
        phase: Phase,
        failure: PendingFailure | None = None,
    ) -> Outcome:
        # Also of a batch that is completed: an earlier attempt of a search may have left something.
        is_left = bool(await self.context.jobs.index.unconfirmed(job.job_id, 1))
        left = LeftOnCluster.UNKNOWN if is_left else LeftOnCluster.NONE
        code, error = (failure.error_code, failure.error) if failure else (None, "")
        counts = {status.value: count for status, count in tally.items()}
        outcome = endings.end(phase, code, error, left, counts)
        return replace(outcome, changes={**outcome.changes, "counts": _counts(job, tally)})


def _ended(tally: Counter[Status]) -> int:
    return sum(count for status, count in tally.items() if status.is_end)


def _counts(job: Job, tally: Counter[Status]) -> Counts:
    return Counts(
        expected=job.child_count,
        succeeded=tally[Status.COMPLETED],
        failed=tally[Status.FAILED],
        active=tally.total() - _ended(tally),
    )


def _describe_failures(job: Job, tally: Counter[Status]) -> str:
    """A sentence such as `3 of 40 searches failed, 1 was cancelled`."""
    failed, cancelled = tally[Status.FAILED], tally[Status.CANCELLED]
    parts = [f"{failed} of {job.child_count} searches failed"] if failed else []
    if cancelled:
        of = "" if parts else f" of {job.child_count} searches"
        parts.append(f"{cancelled}{of} {'was' if cancelled == 1 else 'were'} cancelled")
    return ", ".join(parts)
