"""What a search's Jobs and markers prove, as one pure function."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.blast.batch_numbers import dump, load, number_of_job
from shared.clients.kubernetes import ClusterJob
from shared.contracts.job import Counts
from shared.contracts.states import Phase

MOST_NAMED = 5
"""Failed Jobs that an error names."""


@dataclass(frozen=True)
class Observation:
    """What one look found. Markers are None when they were not asked for."""

    jobs: Sequence[ClusterJob]
    expected: int | None = None
    success: bool | None = None
    failure: str | None = None
    """BLAST's words in the FAILURE marker; "" where it says nothing, None where it is not there."""
    results: frozenset[int] = frozenset()
    """The batches whose results were listed, where that was needed."""


@dataclass(frozen=True)
class Assessment:
    """The phase that the facts prove. `error` says what failed: BLAST's words, then which Job."""

    phase: Phase
    counts: Counts
    finished_batches: str = ""
    """The batches that are known to be done, for the next look."""
    error: str | None = None
    failed_jobs: str | None = None
    """The second half of `error`: which Jobs failed, and what Kubernetes says of them."""
    awaits_message: bool = False
    """Whether BLAST's own words may still come."""
    unrecoverable: bool = False
    """No Job is left that could still bring it to its end, and no marker is there."""


def submission_completed(jobs: Sequence[ClusterJob], expected: int | None) -> bool:
    """Whether an attempt to submit, whose end nobody saw, came to its end.

    The Job that creates the others, or the one that waits for them, proves it; so does the number
    of Jobs that was announced. Fewer are what an attempt left that was cut off: its setup alone,
    or some of its batches, which would be waited for in vain.
    """
    batches = sum(job.app == "blast" for job in jobs)
    whole = any(job.app in ("submit", "finalizer") for job in jobs)
    return whole or (expected is not None and 0 < expected <= batches)


def assess(
    seen: Observation, phase: Phase, known: Counts, finished_batches: str = ""
) -> Assessment:
    """The phase of a search that was in `phase` with the counts `known`, after a look.

    A failure is a Job with the condition Failed or the FAILURE marker; attempts that failed are
    none. Success is the SUCCESS marker; that Jobs ended, or are gone, proves nothing. It makes a
    search hopeless if it stays so: nobody is left who could write a marker.
    """
    finished = _finished(seen, finished_batches)
    counts = _counted(seen, known, finished)
    found = Assessment(Phase.RUNNING, counts, dump(finished))
    failed = [job for job in seen.jobs if job.failed]
    if failed or seen.failure is not None:
        return _failed(found, seen, failed)
    if seen.success:
        return replace(found, phase=Phase.EXPORTING_RESULTS)
    begun = phase is Phase.RUNNING or counts.active or counts.done
    hopeless = seen.success is not None and not _unfinished(seen)
    return replace(found, phase=Phase.RUNNING if begun else Phase.SUBMITTED, unrecoverable=hopeless)


def has_vanished(seen: Observation, known: Counts, finished_batches: str) -> bool:
    """Whether batches that were counted are neither on the cluster nor known to be done.

    Their Jobs finished and vanished while nobody looked: what they came to, their results tell.
    """
    present = _numbers(seen.jobs) | load(finished_batches)
    return len(present) + _unnumbered(seen.jobs) < known.active + known.done


def _failed(found: Assessment, seen: Observation, failed: Sequence[ClusterJob]) -> Assessment:
    said = [f"{job.name} failed ({job.message})" for job in failed[:MOST_NAMED]]
    if len(failed) > MOST_NAMED:
        said.append(f"{len(failed) - MOST_NAMED} more failed")
    jobs = "; ".join(said)
    error = "; ".join(filter(None, (seen.failure, jobs)))
    return replace(
        found,
        phase=Phase.SEARCH_FAILED,
        error=error or "FAILURE.txt was written and says nothing",
        failed_jobs=jobs or None,
        awaits_message=seen.failure is None and any(job.app == "blast" for job in failed),
    )


def _unfinished(seen: Observation) -> bool:
    """Whether a Job has not ended that searches, creates those that do, or writes the marker."""
    return any(not (job.complete or job.failed) for job in seen.jobs if job.app != "setup")


def _finished(seen: Observation, known: str) -> frozenset[int]:
    """The batches that are done. Finished Jobs vanish after a while: they are remembered.

    A failed batch uploads what it has, so a result proves nothing of a Job that failed.
    """
    done = _numbers(job for job in seen.jobs if job.complete)
    failed = _numbers(job for job in seen.jobs if job.failed)
    return (load(known) | done | seen.results) - failed


def _numbers(jobs: Iterable[ClusterJob]) -> frozenset[int]:
    """The batches of the blast Jobs among these whose names tell them."""
    numbers = (number_of_job(job.name, job.shard) for job in jobs if job.app == "blast")
    return frozenset(number for number in numbers if number is not None)


def _unnumbered(jobs: Iterable[ClusterJob]) -> int:
    return sum(job.app == "blast" and number_of_job(job.name, job.shard) is None for job in jobs)


def _counted(seen: Observation, known: Counts, finished: frozenset[int]) -> Counts:
    """What was counted once is never counted back."""
    batches = [job for job in seen.jobs if job.app == "blast"]
    unnumbered = _unnumbered(job for job in batches if job.complete)
    return replace(
        known,
        expected=known.expected if seen.expected is None else seen.expected,
        succeeded=max(known.succeeded, len(finished) + unnumbered),
        failed=max(known.failed, sum(job.failed for job in batches)),
        active=sum(not (job.complete or job.failed) for job in batches),
    )
