"""A batch of searches: making its children, summing them up, and stopping them all."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from activities.context import ActivityContext
from activities.ports import Orchestrations
from shared.clients.blobs import Blobs
from shared.contracts.activities import ActivityInput, ActivityName, CleanupResult, Decision
from shared.contracts.job import Counts, Job, PendingFailure, child_id
from shared.contracts.search import SearchSpec
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.contracts.storage_urls import StorageAccount
from shared.errors import Conflict
from shared.jobs.batch_blob import batch_url, load, query_url
from shared.util.threads import Threads

CHUNK = 50
"""Children that one step makes or stops: so that it lasts seconds, and others get their turn."""
MAX_ACTIVE_CHILDREN = 200
"""Children that may be under way: more would only wait for the cluster's one submit slot."""
PARALLELISM = 8
"""Children that are made or stopped at a time."""
MOST_PROGRESS_EVENTS = 100
CANCEL_POLL_INTERVAL = timedelta(seconds=1)
"""Between two looks at children that have been asked to cancel."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class BatchActivities:
    """Its verbs answer with a Report and may be said twice, in mid-chunk too."""

    context: ActivityContext
    blobs: Blobs
    orchestrations: Orchestrations
    chunk: int = CHUNK
    max_active: int = MAX_ACTIVE_CHILDREN

    def start_children(self, input_: ActivityInput) -> Decision:
        """Make the next chunk of children, and start them."""
        return self.context.run_step(ActivityName.START_CHILDREN, input_, self._start_children)

    def observe_children(self, input_: ActivityInput) -> Decision:
        """Look where the children are; the batch ends once all of them have."""
        return self.context.run_step(ActivityName.OBSERVE_CHILDREN, input_, self._observe_children)

    def cancel_children(self, input_: ActivityInput) -> Decision:
        """Ask the next chunk of children to cancel; the batch ends once all of them have."""
        return self.context.run_step(ActivityName.CANCEL_CHILDREN, input_, self._cancel_children)

    def clean_up(self, job: Job) -> CleanupResult:
        """Whether all searches of a batch that has ended are cleaned up; upkeep tries those again.

        Each search has its own clean-up, so that the batch only has it tried again.
        """
        index = self.context.jobs.index
        left = index.unconfirmed(job.job_id, self.chunk)
        if not left:
            return CleanupResult("nothing is left of any search")
        for child in map(self.context.jobs.find, left):
            if child:
                index.defer(child, self.context.now())
        return CleanupResult(None, f"something may be left of {', '.join(left[:5])}")

    def _start_children(self, job: Job, input_: ActivityInput) -> Decision:
        made = job.counts.active
        tally = self.context.jobs.index.count_by_status(job.job_id)
        if tally.total() - _ended(tally) + self.chunk > self.max_active:
            progress = {"made": made, "expected": job.child_count}
            return Decision(
                job.phase,
                ActivityName.START_CHILDREN,
                self.context.poll_interval(job.polling_since),
                progress,
            )
        numbers = range(made + 1, min(made + self.chunk, job.child_count) + 1)
        children = _each(partial(self._create_child, job), self._load_specs(job, numbers))
        # Read after they were made: whoever stops the batch has seen them, or is seen here.
        job = self.context.jobs.get(job.job_id)
        if job.phase.is_end or self.context.should_stop(job):
            _each(self._cancel, [child.job_id for child in children])
            return Decision(job.phase, None if job.phase.is_end else job.stop_activity)
        _each(self.orchestrations.ensure_started, children)
        return self._save_started(job, input_, numbers[-1])

    def _load_specs(self, job: Job, numbers: range) -> list[tuple[int, SearchSpec]]:
        data = self.blobs.get(batch_url(self._account(job), job.job_id, job.fingerprint))
        if data is None:
            raise LookupError(f"the searches of {job.job_id} are gone")
        return list(zip(numbers, load(data, numbers), strict=True))

    def _create_child(self, parent: Job, numbered: tuple[int, SearchSpec]) -> Job:
        """The child of that number, with its query in Blob."""
        number, spec = numbered
        child = self._child(parent, number, spec)
        if spec.query_text is not None:
            url = query_url(self._account(parent), child)
            self.blobs.put(url, spec.query_text.encode())
            child = replace(child, search=replace(child.search, query_url=url))
        payload = {"source": parent.submission_source, "parent_job_id": parent.job_id}
        return self.context.jobs.create(child, payload)

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
        )

    def _save_started(self, job: Job, input_: ActivityInput, made: int) -> Decision:
        progress = {"made": made, "expected": job.child_count}
        counts = Counts(expected=job.child_count, active=made)
        if made < job.child_count:
            decision = Decision(
                Phase.SUBMITTING, ActivityName.START_CHILDREN, custom_status=progress
            )
            return self.context.save_step(
                job, input_, decision, "progress", progress, counts=counts
            )
        decision = Decision(
            Phase.RUNNING,
            ActivityName.OBSERVE_CHILDREN,
            self.context.poll_interval(job.polling_since),
            progress,
        )
        now = self.context.now()
        return self.context.save_step(
            job, input_, decision, "running", progress, counts=counts, started_at=now
        )

    def _observe_children(self, job: Job, input_: ActivityInput) -> Decision:
        tally = self.context.jobs.index.count_by_status(job.job_id)
        if _ended(tally) == job.child_count:
            return self._finish(job, input_, tally)
        counts = _counts(job, tally)
        progress = {"done": _ended(tally), "expected": job.child_count}
        decision = Decision(
            Phase.RUNNING,
            ActivityName.OBSERVE_CHILDREN,
            self.context.poll_interval(job.polling_since),
            progress,
        )
        moved = abs(job.counts.active - counts.active)
        if not moved or moved * MOST_PROGRESS_EVENTS < job.child_count:
            return decision
        return self.context.save_step(job, input_, decision, "progress", progress, counts=counts)

    def _finish(self, job: Job, input_: ActivityInput, tally: Counter[Status]) -> Decision:
        """All children have ended, and nobody had to stop them."""
        missed = job.child_count - tally[Status.COMPLETED]
        if missed:
            error = _failure(job, tally)
            verdict = PendingFailure(
                Phase.SEARCH_FAILED, "children_failed", error, self.context.now()
            )
            return self._end(job, input_, tally, verdict.phase, verdict)
        if job.phase is not Phase.EXPORTING_RESULTS:
            decision = Decision(Phase.EXPORTING_RESULTS, ActivityName.OBSERVE_CHILDREN)
            counts = _counts(job, tally)
            return self.context.save_step(job, input_, decision, "exporting_results", counts=counts)
        return self._end(job, input_, tally, Phase.COMPLETED)

    def _cancel_children(self, job: Job, input_: ActivityInput) -> Decision:
        if job.phase is not Phase.CANCELLING:
            return self._begin_to_stop(job, input_)
        left = list(self.context.jobs.index.find_active_children(job.job_id))
        if not left:
            return self._stopped(job, input_)
        unasked = [child.job_id for child in left if not child.cancel_requested]
        unbegun = [child.job_id for child in left if child.cancel_requested and not child.started]
        _each(self._cancel, [*unasked, *unbegun][: self.chunk])
        wait = timedelta(0) if len(unasked) > self.chunk else CANCEL_POLL_INTERVAL
        decision = Decision(
            Phase.CANCELLING, ActivityName.CANCEL_CHILDREN, wait, {"left": len(left)}
        )
        if job.reason is not None:
            return decision
        reason = f"waiting for {len(left)} of {job.child_count} searches to be stopped"
        return self.context.save_step(
            job, input_, decision, "cleanup_pending", {"reason": reason}, reason=reason
        )

    def _begin_to_stop(self, job: Job, input_: ActivityInput) -> Decision:
        tally = self.context.jobs.index.count_by_status(job.job_id)
        if tally[Status.COMPLETED] + tally[Status.FAILED] == job.child_count:
            return self._finish(job, input_, tally)  # there is nothing left to stop
        decision = Decision(Phase.CANCELLING, ActivityName.CANCEL_CHILDREN)
        return self.context.save_step(
            job, input_, decision, "cancelling", {"from_phase": job.phase.value}
        )

    def _cancel(self, job_id: str) -> None:
        """Ask a child to cancel, and see that it hears: one that never began cannot."""
        jobs = self.context.jobs
        child = jobs.get(job_id)
        if child.phase.is_end or child.cancel_requested_at:
            jobs.sync(child)  # its row in the list may be what lags
        else:
            with suppress(Conflict):  # it has ended just now
                child = jobs.request_cancel(job_id)
        if child.phase is Phase.QUEUED:
            self.orchestrations.ensure_started(child)
        if not child.phase.is_end:
            self.orchestrations.wake(child)

    def _stopped(self, job: Job, input_: ActivityInput) -> Decision:
        tally = self.context.jobs.index.count_by_status(job.job_id)
        if job.pending_failure:
            return self._end(job, input_, tally, job.pending_failure.phase, job.pending_failure)
        if job.cancel_requested_at is None:
            error = f"the searches had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            verdict = PendingFailure(Phase.TIMED_OUT, "timed_out", error, self.context.now())
            return self._end(job, input_, tally, verdict.phase, verdict)
        if left := self.context.jobs.index.unconfirmed(job.job_id, self.chunk):
            error = f"it was asked to stop, and something may be left of {', '.join(left[:5])}"
            verdict = PendingFailure(
                Phase.TIMED_OUT, "cleanup_unconfirmed", error, self.context.now()
            )
            return self._end(job, input_, tally, verdict.phase, verdict)
        return self._end(job, input_, tally, Phase.CANCELLED)

    def _end(
        self,
        job: Job,
        input_: ActivityInput,
        tally: Counter[Status],
        phase: Phase,
        verdict: PendingFailure | None = None,
    ) -> Decision:
        facts: dict[str, object] = {status.value: count for status, count in tally.items()}
        trouble = {"error_code": verdict.error_code, "error": verdict.error} if verdict else {}
        code = {"code": verdict.error_code} if verdict else {}
        decision = Decision(phase, None, custom_status=dict(code))
        changes: dict[str, Any] = {"counts": _counts(job, tally), **trouble}
        if phase is not Phase.COMPLETED:
            is_left = bool(self.context.jobs.index.unconfirmed(job.job_id, 1))
            left = LeftOnCluster.UNKNOWN if is_left else LeftOnCluster.NONE
            changes["left_on_cluster"] = left
            facts["left_on_cluster"] = left.value
        return self.context.save_step(
            job, input_, decision, phase.value, facts | trouble, **changes
        )

    def _account(self, job: Job) -> StorageAccount:
        return StorageAccount(
            job.search.placement.storage_account, self.context.settings.storage_suffix
        )


def _each(act: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """What `act` makes of each, some at a time; after one that raises no more are begun."""
    with Threads(PARALLELISM) as hands:
        return list(hands.map(act, items))


def _ended(tally: Counter[Status]) -> int:
    return sum(count for status, count in tally.items() if status.is_end)


def _counts(job: Job, tally: Counter[Status]) -> Counts:
    return Counts(
        expected=job.child_count,
        succeeded=tally[Status.COMPLETED],
        failed=tally[Status.FAILED],
        active=tally.total() - _ended(tally),
    )


def _failure(job: Job, tally: Counter[Status]) -> str:
    """Such as `3 of 40 searches failed, 1 was cancelled`."""
    failed, cancelled = tally[Status.FAILED], tally[Status.CANCELLED]
    said = [f"{failed} of {job.child_count} searches failed"] if failed else []
    if cancelled:
        of = "" if said else f" of {job.child_count} searches"
        said.append(f"{cancelled}{of} {'was' if cancelled == 1 else 'were'} cancelled")
    return ", ".join(said)
