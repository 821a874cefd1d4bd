"""What a committed transition of a job says to operators: an event's fields, and measurements.

Pure. `before` is the job before the transition, None where it has just been accepted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from shared.contracts.job import Event, Job
from shared.contracts.outcome import RETRY_EVENT, SUBMITTED_EVENT
from shared.contracts.states import Phase
from shared.telemetry import names
from shared.telemetry.names import Metric

BATCH = "batch"
"""In place of the program of a batch, whose searches can have different ones."""


@dataclass(frozen=True)
class Measurement:
    """One value of a metric."""

    metric: Metric
    value: float
    attributes: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.attributes) != set(self.metric.attributes):
            raise ValueError(f"{self.metric.name} has the attributes {self.metric.attributes}")


def transition_fields(
    before: Job | None, job: Job, event: Event
) -> Mapping[str, str | int | float]:
    """The fields of the event, those with a value."""
    fields: dict[str, str | int | float | None] = {
        names.JOB_ID: job.job_id,
        "attempt": job.attempt,
        "event": event.event,
        "phase": job.phase.value,
        "from_phase": before.phase.value if before else None,
        "error_code": job.error_code,
        "category": _category(event),
        "program": _program(job),
        "cluster": job.search.placement.cluster_name,
        "source": job.submission_source,
        "seconds_in_phase": _seconds_in_phase(before, event),
    }
    return {name: value for name, value in fields.items() if value is not None}


def measurements(before: Job | None, job: Job, event: Event) -> Iterator[Measurement]:
    """The values that the transition adds to metrics."""
    if before is None:
        accepted = {"source": job.submission_source, "program": _program(job)}
        yield Measurement(names.JOBS_ACCEPTED, 1, accepted)
        return
    if event.event == RETRY_EVENT:
        attributes = {"category": _category(event), "code": job.error_code}
        yield Measurement(names.RETRIES, 1, attributes)
    slot = Phase.WAITING_FOR_SUBMIT_SLOT
    if before.phase is slot and job.phase is not slot:
        yield Measurement(names.SUBMIT_SLOT_WAIT, _seconds_in_phase(before, event))
    if event.event == SUBMITTED_EVENT and (took := event.payload.get("took_seconds")):
        yield Measurement(names.SUBMIT_DURATION, took)
    yield from _first_batch(before, job, event)
    if job.phase.is_end and not before.phase.is_end:
        yield from _end(job, event)


def _first_batch(before: Job, job: Job, event: Event) -> Iterator[Measurement]:
    """The first query batch that succeeded, if any; a batch of searches counts searches instead."""
    is_first = not before.counts.succeeded and job.counts.succeeded and not job.child_count
    if is_first and job.started_at:
        yield Measurement(names.FIRST_BATCH_DURATION, _seconds(event.at - job.started_at))


def _end(job: Job, event: Event) -> Iterator[Measurement]:
    phase = job.phase.value
    attributes = {"phase": phase, "error_code": job.error_code, "program": _program(job)}
    yield Measurement(names.JOBS_ENDED, 1, attributes)
    yield Measurement(names.JOB_DURATION, _seconds(event.at - job.accepted_at), {"phase": phase})


def _program(job: Job) -> str:
    return BATCH if job.child_count else job.search.program.value


def _category(event: Event) -> str | None:
    return event.payload.get("category") if event.event == RETRY_EVENT else None


def _seconds_in_phase(before: Job | None, event: Event) -> float:
    return _seconds(event.at - before.in_phase_since) if before else 0.0


def _seconds(duration: timedelta) -> float:
    """Not below 0, where the clocks of two processes differ."""
    return max(duration.total_seconds(), 0.0)
