"""The names of the event and the metrics that the app reports, and of their attributes, as data.

The table in docs/telemetry.md is made of this module; alerts and the workbook use the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.util.job_scope import JOB_ID as JOB_ID

TRANSITION: Final = "blast.transition"
"""The event of a committed transition of a job: one for each event of its history."""

TRANSITION_FIELDS: Final[Mapping[str, str]] = {
    JOB_ID: "the job",
    "attempt": "its attempt, from 1",
    "event": "the name of the event in the job's history",
    "phase": "the phase after the transition",
    "from_phase": "the phase before it; missing on `accepted`",
    "error_code": "the code of the job's error",
    "category": "the category of the failure; on `retry_scheduled` only",
    "program": "the BLAST program; `batch` for a batch of searches, whose searches are jobs",
    "cluster": "the name of the requested AKS cluster",
    "source": "where the job was accepted: its `submission_source`",
    "seconds_in_phase": "the time since the job entered `from_phase`, in seconds",
}
"""By name of a field of the event: its meaning. A field without a value is missing."""

ATTRIBUTES: Final[Mapping[str, str]] = {
    "category": "the category of the failure, such as `transient`",
    "cluster": "the name of an AKS cluster",
    "code": "a stable code: of the failure that is retried, or of the refusal",
    "error_code": "the code of the job's error; missing where it has none",
    "outcome": "`ok`, or the code of the error",
    "phase": "a phase of a job",
    "program": TRANSITION_FIELDS["program"],
    "result": "what reconcile did with a job, as in its log line `reconciled`",
    "source": TRANSITION_FIELDS["source"],
}
"""By name of an attribute of metrics: its meaning."""


class MetricKind(StrEnum):
    """How the values of a metric are combined."""

    COUNTER = "counter"
    """Increments, which are summed."""
    GAUGE = "gauge"
    """The last value counts, and is exported once. Set by reconcile alone, every minute."""
    HISTOGRAM = "histogram"
    """Single values, of which count, sum, smallest and largest are kept."""


@dataclass(frozen=True)
class Metric:
    """One metric; `attributes` are its only ones."""

    name: str
    kind: MetricKind
    unit: str
    """By UCUM: `s` for seconds, a noun in braces for a count."""
    meaning: str
    attributes: tuple[str, ...] = ()


_COUNTER, _GAUGE, _HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

JOBS_ACCEPTED = Metric(
    "blast.jobs.accepted", _COUNTER, "{job}", "jobs accepted", ("source", "program")
)
JOBS_ENDED = Metric(
    "blast.jobs.ended",
    _COUNTER,
    "{job}",
    "attempts of jobs that ended",
    ("phase", "error_code", "program"),
)
JOBS_ACTIVE = Metric(
    "blast.jobs.active",
    _GAUGE,
    "{job}",
    "jobs that have not ended; a phase can be some minutes old",
    ("phase",),
)
JOB_DURATION = Metric(
    "blast.job.duration",
    _HISTOGRAM,
    "s",
    "from the acceptance of a job's attempt to its end, by the phase of the end",
    ("phase",),
)
SUBMIT_SLOT_WAIT = Metric(
    "blast.submit_slot.wait",
    _HISTOGRAM,
    "s",
    "how long a job was in the phase `waiting_for_submit_slot`, each time that it leaves it",
)
SUBMIT_DURATION = Metric(
    "blast.submit.duration",
    _HISTOGRAM,
    "s",
    "how long `elastic-blast submit` ran, as the sidecar measured it, where it succeeded",
)
FIRST_BATCH_DURATION = Metric(
    "blast.first_batch.duration",
    _HISTOGRAM,
    "s",
    "from the submission of a search until its first query batch was seen to have succeeded; "
    "nothing of a search that ends before one was",
)
OBSERVE_DURATION = Metric(
    "blast.observe.duration",
    _HISTOGRAM,
    "s",
    "how long one look at a search's Jobs and markers took",
    ("cluster", "outcome"),
)
RETRIES = Metric(
    "blast.retries", _COUNTER, "{retry}", "retries that were scheduled", ("category", "code")
)
REFUSALS = Metric(
    "blast.refusals",
    _COUNTER,
    "{request}",
    "requests that were answered with a status from 400 to 499, refused searches of the URL API, "
    "and refused messages of the queue",
    ("code",),
)
RECONCILE = Metric(
    "blast.reconcile", _COUNTER, "{job}", "overdue jobs that reconcile handled", ("result",)
)
QUEUE_LENGTH = Metric(
    "blast.queue.length", _GAUGE, "{message}", "messages in `blast-requests`, about"
)
POISON_LENGTH = Metric(
    "blast.poison.length", _GAUGE, "{message}", "messages in `blast-requests-poison`, about"
)
OLDEST_WAITING = Metric(
    "blast.oldest_waiting",
    _GAUGE,
    "s",
    "the time since the acceptance of the oldest job that is not yet submitted; 0 without one",
)

METRICS: Final = (
    JOBS_ACCEPTED,
    JOBS_ENDED,
    JOBS_ACTIVE,
    JOB_DURATION,
    SUBMIT_SLOT_WAIT,
    SUBMIT_DURATION,
    FIRST_BATCH_DURATION,
    OBSERVE_DURATION,
    RETRIES,
    REFUSALS,
    RECONCILE,
    QUEUE_LENGTH,
    POISON_LENGTH,
    OLDEST_WAITING,
)
"""All metrics."""
