"""A batch of searches: making its children, summing them up, and stopping them all."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from activities.context import Desk
from activities.ports import Orchestrations
from shared.clients.blobs import Blobs
from shared.contracts.activities import CleanupResult, Order, Report, Verb
from shared.contracts.job import Counts, Job, Verdict, child_id
from shared.contracts.search import Asked
from shared.contracts.states import LeftOnCluster, Phase, Status
from shared.contracts.storage_urls import Account
from shared.errors import Conflict
from shared.jobs.batch_blob import batch_url, query_url, read
from shared.util.threads import Threads

CHUNK = 50
"""Children that one step makes or stops: so that it lasts seconds, and others get their turn."""
AT_ONCE = 200
"""Children that may be under way: more would only wait for the cluster's one submit slot."""
HANDS = 8
"""Children that are made or stopped at a time."""
MOST_PROGRESS_EVENTS = 100
BREATH = timedelta(seconds=1)
"""Between two looks at children that have been asked to cancel."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Batch:
    """Its verbs answer with a Report and may be said twice, in mid-chunk too."""

    desk: Desk
    blobs: Blobs
    orchestrations: Orchestrations
    chunk: int = CHUNK
    at_once: int = AT_ONCE

    def fan_out(self, order: Order) -> Report:
        """Make the next chunk of children, and start them."""
        return self.desk.take(Verb.FAN_OUT, order, self._fan_out)

    def gather(self, order: Order) -> Report:
        """Look where the children are; the batch ends once all of them have."""
        return self.desk.take(Verb.GATHER, order, self._gather)

    def stop(self, order: Order) -> Report:
        """Ask the next chunk of children to cancel; the batch ends once all of them have."""
        return self.desk.take(Verb.STOP_CHILDREN, order, self._stop)

    def clean_up(self, job: Job) -> CleanupResult:
        """Whether all searches of a batch that has ended are cleaned up; upkeep tries those again.

        Each search has its own clean-up, so that the batch only has it tried again.
        """
        index = self.desk.jobs.index
        left = index.unconfirmed(job.job_id, self.chunk)
        if not left:
            return CleanupResult("nothing is left of any search")
        for child in map(self.desk.jobs.find, left):
            if child:
                index.defer(child, self.desk.now())
        return CleanupResult(None, f"something may be left of {', '.join(left[:5])}")

    def _fan_out(self, job: Job, order: Order) -> Report:
        made = job.counts.active
        tally = self.desk.jobs.index.tally(job.job_id)
        if tally.total() - _ended(tally) + self.chunk > self.at_once:
            progress = {"made": made, "expected": job.children}
            return Report(job.phase, Verb.FAN_OUT, self.desk.pace(job.began), progress)
        numbers = range(made + 1, min(made + self.chunk, job.children) + 1)
        children = _each(partial(self._make, job), self._asked(job, numbers))
        # Read after they were made: whoever stops the batch has seen them, or is seen here.
        job = self.desk.jobs.get(job.job_id)
        if job.phase.is_end or self.desk.to_be_stopped(job):
            _each(self._cancel, [child.job_id for child in children])
            return Report(job.phase, None if job.phase.is_end else job.stopping)
        _each(self.orchestrations.ensure_started, children)
        return self._fanned_out(job, order, numbers[-1])

    def _asked(self, job: Job, numbers: range) -> list[tuple[int, Asked]]:
        data = self.blobs.get(batch_url(self._account(job), job.job_id, job.fingerprint))
        if data is None:
            raise LookupError(f"the searches of {job.job_id} are gone")
        return list(zip(numbers, read(data, numbers), strict=True))

    def _make(self, parent: Job, numbered: tuple[int, Asked]) -> Job:
        """The child of that number, with its query in Blob."""
        number, asked = numbered
        child = self._child(parent, number, asked)
        if asked.query_text is not None:
            url = query_url(self._account(parent), child)
            self.blobs.put(url, asked.query_text.encode())
            child = replace(child, search=replace(child.search, query_url=url))
        payload = {"source": parent.submission_source, "parent_job_id": parent.job_id}
        return self.desk.jobs.create(child, payload)

    def _child(self, parent: Job, number: int, asked: Asked) -> Job:
        job_id, now = child_id(parent.job_id, number), self.desk.now()
        return Job(
            job_id=job_id,
            elb_job_id=job_id,
            owner=parent.owner,
            search=asked.search,
            fingerprint=asked.fingerprint,
            submission_source=parent.submission_source,
            correlation_id=parent.correlation_id,
            phase=Phase.QUEUED,
            created_at=now,
            updated_at=now,
            deadline_at=now + self.desk.settings.deadline,
            parent_job_id=parent.job_id,
            child_number=number,
        )

    def _fanned_out(self, job: Job, order: Order, made: int) -> Report:
        progress = {"made": made, "expected": job.children}
        counts = Counts(expected=job.children, active=made)
        if made < job.children:
            report = Report(Phase.SUBMITTING, Verb.FAN_OUT, postcard=progress)
            return self.desk.note(job, order, report, "progress", progress, counts=counts)
        report = Report(Phase.RUNNING, Verb.GATHER, self.desk.pace(job.began), progress)
        now = self.desk.now()
        return self.desk.note(
            job, order, report, "running", progress, counts=counts, started_at=now
        )

    def _gather(self, job: Job, order: Order) -> Report:
        tally = self.desk.jobs.index.tally(job.job_id)
        if _ended(tally) == job.children:
            return self._concluded(job, order, tally)
        counts = _counts(job, tally)
        progress = {"done": _ended(tally), "expected": job.children}
        report = Report(Phase.RUNNING, Verb.GATHER, self.desk.pace(job.began), progress)
        moved = abs(job.counts.active - counts.active)
        if not moved or moved * MOST_PROGRESS_EVENTS < job.children:
            return report
        return self.desk.note(job, order, report, "progress", progress, counts=counts)

    def _concluded(self, job: Job, order: Order, tally: Counter[Status]) -> Report:
        """All children have ended, and nobody had to stop them."""
        missed = job.children - tally[Status.COMPLETED]
        if missed:
            error = _failure(job, tally)
            verdict = Verdict(Phase.SEARCH_FAILED, "children_failed", error, self.desk.now())
            return self._end(job, order, tally, verdict.phase, verdict)
        if job.phase is not Phase.EXPORTING_RESULTS:
            report = Report(Phase.EXPORTING_RESULTS, Verb.GATHER)
            counts = _counts(job, tally)
            return self.desk.note(job, order, report, "exporting_results", counts=counts)
        return self._end(job, order, tally, Phase.COMPLETED)

    def _stop(self, job: Job, order: Order) -> Report:
        if job.phase is not Phase.CANCELLING:
            return self._begin_to_stop(job, order)
        left = list(self.desk.jobs.index.unended(job.job_id))
        if not left:
            return self._stopped(job, order)
        unasked = [child.job_id for child in left if not child.asked]
        unbegun = [child.job_id for child in left if child.asked and not child.begun]
        _each(self._cancel, [*unasked, *unbegun][: self.chunk])
        wait = timedelta(0) if len(unasked) > self.chunk else BREATH
        report = Report(Phase.CANCELLING, Verb.STOP_CHILDREN, wait, {"left": len(left)})
        if job.reason is not None:
            return report
        reason = f"waiting for {len(left)} of {job.children} searches to be stopped"
        return self.desk.note(job, order, report, "still_there", {"reason": reason}, reason=reason)

    def _begin_to_stop(self, job: Job, order: Order) -> Report:
        tally = self.desk.jobs.index.tally(job.job_id)
        if tally[Status.COMPLETED] + tally[Status.FAILED] == job.children:
            return self._concluded(job, order, tally)  # there is nothing left to stop
        report = Report(Phase.CANCELLING, Verb.STOP_CHILDREN)
        return self.desk.note(job, order, report, "cancelling", {"from_phase": job.phase.value})

    def _cancel(self, job_id: str) -> None:
        """Ask a child to cancel, and see that it hears: one that never began cannot."""
        jobs = self.desk.jobs
        child = jobs.get(job_id)
        if child.phase.is_end or child.cancel_requested_at:
            jobs.follow(child)  # its row in the list may be what lags
        else:
            with suppress(Conflict):  # it has ended just now
                child = jobs.request_cancel(job_id)
        if child.phase is Phase.QUEUED:
            self.orchestrations.ensure_started(child)
        if not child.phase.is_end:
            self.orchestrations.wake(child)

    def _stopped(self, job: Job, order: Order) -> Report:
        tally = self.desk.jobs.index.tally(job.job_id)
        if job.verdict:
            return self._end(job, order, tally, job.verdict.phase, job.verdict)
        if job.cancel_requested_at is None:
            error = f"the searches had not ended by {job.deadline_at:%Y-%m-%d %H:%M} UTC"
            verdict = Verdict(Phase.TIMED_OUT, "timed_out", error, self.desk.now())
            return self._end(job, order, tally, verdict.phase, verdict)
        if left := self.desk.jobs.index.unconfirmed(job.job_id, self.chunk):
            error = f"it was asked to stop, and something may be left of {', '.join(left[:5])}"
            verdict = Verdict(Phase.TIMED_OUT, "not_proven", error, self.desk.now())
            return self._end(job, order, tally, verdict.phase, verdict)
        return self._end(job, order, tally, Phase.CANCELLED)

    def _end(
        self,
        job: Job,
        order: Order,
        tally: Counter[Status],
        phase: Phase,
        verdict: Verdict | None = None,
    ) -> Report:
        facts: dict[str, object] = {status.value: count for status, count in tally.items()}
        trouble = {"error_code": verdict.error_code, "error": verdict.error} if verdict else {}
        code = {"code": verdict.error_code} if verdict else {}
        report = Report(phase, None, postcard=dict(code))
        changes: dict[str, Any] = {"counts": _counts(job, tally), **trouble}
        if phase is not Phase.COMPLETED:
            is_left = bool(self.desk.jobs.index.unconfirmed(job.job_id, 1))
            left = LeftOnCluster.UNKNOWN if is_left else LeftOnCluster.NONE
            changes["left_on_cluster"] = left
            facts["left_on_cluster"] = left.value
        return self.desk.note(job, order, report, phase.value, facts | trouble, **changes)

    def _account(self, job: Job) -> Account:
        return Account(job.search.placement.storage_account, self.desk.settings.storage_suffix)


def _each(act: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """What `act` makes of each, some at a time; after one that raises no more are begun."""
    with Threads(HANDS) as hands:
        return list(hands.map(act, items))


def _ended(tally: Counter[Status]) -> int:
    return sum(count for status, count in tally.items() if status.is_end)


def _counts(job: Job, tally: Counter[Status]) -> Counts:
    return Counts(
        expected=job.children,
        succeeded=tally[Status.COMPLETED],
        failed=tally[Status.FAILED],
        active=tally.total() - _ended(tally),
    )


def _failure(job: Job, tally: Counter[Status]) -> str:
    """Such as `3 of 40 searches failed, 1 was cancelled`."""
    failed, cancelled = tally[Status.FAILED], tally[Status.CANCELLED]
    said = [f"{failed} of {job.children} searches failed"] if failed else []
    if cancelled:
        of = "" if said else f" of {job.children} searches"
        said.append(f"{cancelled}{of} {'was' if cancelled == 1 else 'were'} cancelled")
    return ", ".join(said)
