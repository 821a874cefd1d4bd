"""What a search's Jobs and markers prove. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.blast.batch_numbers import dump, load, number_of_job
from shared.clients.kubernetes import ClusterJob
from shared.contracts.job import Counts
from shared.contracts.states import Phase

MOST_NAMED = 5
"""An error names at most so many failed Jobs."""


@dataclass(frozen=True)
class Observation:
    """What one look at the cluster and the store returned. Markers are None if not read."""

    jobs: Sequence[ClusterJob]
    expected: int | None = None
    success: bool | None = None
    failure: str | None = None
    """BLAST's message in the FAILURE marker; "" if it is empty, None if there is none."""
    results: frozenset[int] = frozenset()
    """The batches whose results were listed, if that was needed."""


@dataclass(frozen=True)
class Assessment:
    """The phase that the facts prove. `error` is BLAST's message, and then the failed Jobs."""

    phase: Phase
    counts: Counts
    finished_batches: str = ""
    """The batches that are known to be done, as a bit mask, for the next look."""
    error: str | None = None
    failed_jobs: str | None = None
    """The failed Jobs of `error`, with Kubernetes' messages."""
    awaits_message: bool = False
    """Whether BLAST's own message may still come."""
    unrecoverable: bool = False
    """No Job is left that could still end the search, and there is no marker."""


def submission_completed(jobs: Sequence[ClusterJob], expected: int | None) -> bool:
    """Whether a submission with an unknown result has completed.

    The Job that creates the others, or the one that waits for them, proves it; so does the expected
    number of Jobs. With fewer the submission was cut off after its setup or some of its batches,
    and the rest never comes.
    """
    batches = sum(job.app == "blast" for job in jobs)
    has_driver = any(job.app in ("submit", "finalizer") for job in jobs)
    return has_driver or (expected is not None and 0 < expected <= batches)


def submission_ended(jobs: Sequence[ClusterJob]) -> bool:
    """Whether a submission that may still be running has ended: it creates the finalizer last."""
    return any(job.app == "finalizer" for job in jobs)


def assess(
    observation: Observation, phase: Phase, known: Counts, finished_batches: str = ""
) -> Assessment:
    """The phase of a search that was in `phase` with the counts `known`, after a look.

    A failure is a Job with the condition Failed, or the FAILURE marker; failed pods of a Job are
    none. Success is the SUCCESS marker. Jobs that ended or vanished prove nothing; if no other
    comes the search is unrecoverable, as nothing is left that could write a marker.
    """
    finished = _finished(observation, finished_batches)
    counts = _counted(observation, known, finished)
    assessment = Assessment(Phase.RUNNING, counts, dump(finished))
    failed = [job for job in observation.jobs if job.failed]
    if failed or observation.failure is not None:
        return _failed(assessment, observation, failed)
    if observation.success:
        return replace(assessment, phase=Phase.EXPORTING_RESULTS)
    begun = phase is Phase.RUNNING or counts.active or counts.done
    is_unrecoverable = observation.success is not None and not _unfinished(observation)
    return replace(
        assessment,
        phase=Phase.RUNNING if begun else Phase.SUBMITTED,
        unrecoverable=is_unrecoverable,
    )


def has_vanished(observation: Observation, known: Counts, finished_batches: str) -> bool:
    """Whether batches that were counted are neither on the cluster nor known to be done.

    Their Jobs finished and vanished between two looks; their results show how they ended.
    """
    present = _numbers(observation.jobs) | load(finished_batches)
    return len(present) + _unnumbered(observation.jobs) < known.active + known.done


def _failed(
    assessment: Assessment, observation: Observation, failed: Sequence[ClusterJob]
) -> Assessment:
    messages = [f"{job.name} failed ({job.message})" for job in failed[:MOST_NAMED]]
    if len(failed) > MOST_NAMED:
        messages.append(f"{len(failed) - MOST_NAMED} more failed")
    jobs = "; ".join(messages)
    error = "; ".join(filter(None, (observation.failure, jobs)))
    return replace(
        assessment,
        phase=Phase.SEARCH_FAILED,
        error=error or "FAILURE.txt is empty",
        failed_jobs=jobs or None,
        awaits_message=observation.failure is None and any(job.app == "blast" for job in failed),
    )


def _unfinished(observation: Observation) -> bool:
    """Whether a Job other than the setup has not ended."""
    return any(not (job.complete or job.failed) for job in observation.jobs if job.app != "setup")


def _finished(observation: Observation, known: str) -> frozenset[int]:
    """The batches that are done; those of earlier looks are kept, as finished Jobs vanish.

    A failed batch uploads a partial result, so a result proves nothing if its Job failed.
    """
    done = _numbers(job for job in observation.jobs if job.complete)
    failed = _numbers(job for job in observation.jobs if job.failed)
    return (load(known) | done | observation.results) - failed


def _numbers(jobs: Iterable[ClusterJob]) -> frozenset[int]:
    """The numbers of the batches, of the blast Jobs whose names have one."""
    numbers = (number_of_job(job.name, job.shard) for job in jobs if job.app == "blast")
    return frozenset(number for number in numbers if number is not None)


def _unnumbered(jobs: Iterable[ClusterJob]) -> int:
    return sum(job.app == "blast" and number_of_job(job.name, job.shard) is None for job in jobs)


def _counted(observation: Observation, known: Counts, finished: frozenset[int]) -> Counts:
    """The counts of this look; those of finished batches never decrease."""
    batches = [job for job in observation.jobs if job.app == "blast"]
    unnumbered = _unnumbered(job for job in batches if job.complete)
    return replace(
        known,
        expected=known.expected if observation.expected is None else observation.expected,
        succeeded=max(known.succeeded, len(finished) + unnumbered),
        failed=max(known.failed, sum(job.failed for job in batches)),
        active=sum(not (job.complete or job.failed) for job in batches),
    )
