"""What a search's Jobs and markers prove, as one pure function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.clients.kubernetes import ClusterJob
from shared.contracts.job import Counts
from shared.contracts.states import Phase


@dataclass(frozen=True)
class Seen:
    """What one look found. Markers are None when they were not asked for."""

    jobs: Sequence[ClusterJob]
    expected: int | None = None
    success: bool | None = None
    failure: str | None = None
    """The text of the FAILURE marker, if there is one."""


@dataclass(frozen=True)
class Conclusion:
    """The phase that the facts prove. `error` says what failed."""

    phase: Phase
    counts: Counts
    error: str | None = None
    hopeless: bool = False
    """No Job is left that could still bring it to its end, and no marker is there."""


def is_submitted(jobs: Sequence[ClusterJob], expected: int | None) -> bool:
    """Whether an attempt to submit, whose end nobody saw, came to its end.

    The Job that creates the others, or the one that waits for them, proves it; so does the number
    of Jobs that was announced. Fewer are what an attempt left that was cut off: its setup alone,
    or some of its batches, which would be waited for in vain.
    """
    batches = sum(job.app == "blast" for job in jobs)
    whole = any(job.app in ("submit", "finalizer") for job in jobs)
    return whole or (expected is not None and 0 < expected <= batches)


def conclude(seen: Seen, phase: Phase, known: Counts) -> Conclusion:
    """The phase of a search that was in `phase` with the counts `known`, after a look.

    A failure is a Job with the condition Failed or the FAILURE marker; attempts that failed are
    none. Success is the SUCCESS marker; that Jobs ended, or are gone, proves nothing. It makes a
    search hopeless if it stays so: nobody is left who could write a marker.
    """
    counts = _counted(seen, known)
    if error := _failure(seen):
        return Conclusion(Phase.SEARCH_FAILED, counts, error)
    if seen.success:
        return Conclusion(Phase.EXPORTING_RESULTS, counts)
    begun = phase is Phase.RUNNING or counts.active or counts.done
    still = Phase.RUNNING if begun else Phase.SUBMITTED
    return Conclusion(still, counts, hopeless=seen.success is not None and not _unfinished(seen))


def _unfinished(seen: Seen) -> bool:
    """Whether a Job has not ended that searches, creates those that do, or writes the marker."""
    return any(not (job.complete or job.failed) for job in seen.jobs if job.app != "setup")


def _counted(seen: Seen, known: Counts) -> Counts:
    """Finished Jobs vanish after a while, so that what was counted once is never counted back."""
    batches = [job for job in seen.jobs if job.app == "blast"]
    return replace(
        known,
        expected=known.expected if seen.expected is None else seen.expected,
        succeeded=max(known.succeeded, sum(job.complete for job in batches)),
        failed=max(known.failed, sum(job.failed for job in batches)),
        active=sum(not (job.complete or job.failed) for job in batches),
    )


def _failure(seen: Seen) -> str | None:
    failed = [f"{job.name} failed ({job.message})" for job in seen.jobs if job.failed]
    if failed:
        return "; ".join(failed[:5])
    return seen.failure
