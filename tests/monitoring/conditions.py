"""What the app reports while it is well, and at each trouble that an alert tells of."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.job import Counts, Event
from shared.contracts.states import Phase
from shared.jobs.transitions import changed
from shared.telemetry import names
from tests.monitoring.ingestion import Telemetry
from tests.support import samples
from tests.support.ingestion import Row

JOB_ID = samples.job(1).job_id
"""A search that is completed; its orchestration was restarted once."""
MINUTES = 6
"""Of each condition; the gauges are set in each."""
LIFE: Sequence[tuple[str, Phase, Mapping[str, Any], Mapping[str, Any]]] = (
    ("config_written", Phase.SUBMITTING, {}, {}),
    ("waiting_for_submit_slot", Phase.WAITING_FOR_SUBMIT_SLOT, {}, {}),
    ("submitted", Phase.SUBMITTED, {"took_seconds": 60.0}, {}),
    ("running", Phase.RUNNING, {"succeeded": 1}, {"counts": Counts(2, 1, 0, 1)}),
    ("exporting_results", Phase.EXPORTING_RESULTS, {}, {"counts": Counts(2, 2, 0, 0)}),
    ("completed", Phase.COMPLETED, {}, {}),
)
"""Event, phase, payload and changes, of a search that is completed."""
STEP = timedelta(seconds=90)


def gauges(telemetry: Telemetry, queue: int = 0, poison: int = 0, oldest: float = 0) -> None:
    """What reconcile sets every minute, for some minutes."""
    for _ in range(MINUTES):
        telemetry.app.measure(names.QUEUE_LENGTH, queue)
        telemetry.app.measure(names.POISON_LENGTH, poison)
        telemetry.app.measure(names.OLDEST_WAITING, oldest)
        telemetry.app.measure(names.JOBS_ACTIVE, 2, phase="running")
        telemetry.minute()


def search(telemetry: Telemetry, number: int) -> None:
    """A search from its acceptance to its end, which is now."""
    at = datetime.now(UTC) - STEP * len(LIFE)
    job = samples.job(number, created_at=at, updated_at=at)
    telemetry.app.transition(None, job, Event(job.job_id, 1, "accepted", at, job.phase, {}))
    for name, phase, payload, changes in LIFE:
        at += STEP
        started = {"started_at": at} if phase is Phase.SUBMITTED else {}
        before, job = job, changed(job, {"phase": phase, **started, **changes}, at)
        event = Event(job.job_id, job.sequence, name, at, phase, dict(payload))
        telemetry.app.transition(before, job, event)
    telemetry.app.measure(names.OBSERVE_DURATION, 0.2, cluster="elb-cluster-01", outcome="ok")


def work(telemetry: Telemetry) -> None:
    """Searches, some of which fail by what their senders asked for; passing faults; refusals."""
    for number in range(3):
        search(telemetry, number)
    ended = {"phase": "search_failed", "error_code": "search_failed", "program": "blastn"}
    telemetry.app.measure(names.JOBS_ENDED, 1, **ended)
    telemetry.app.measure(names.RETRIES, 4, category="transient", code="sidecar_503")
    telemetry.app.measure(names.RETRIES, 9, category="capacity", code="capacity")
    telemetry.app.measure(names.RETRIES, 9, category="transient", code="storage_unavailable")
    telemetry.app.measure(names.REFUSALS, 20, code="validation_error")
    telemetry.app.measure(names.RECONCILE, 1, result="restarted")
    lost = {"job_id": JOB_ID}
    telemetry.log.warning(f"orchestration_restarted job_id={JOB_ID} was=Failed", extra=lost)
    telemetry.log.info("reconciled restarted=1")
    telemetry.log.warning("index_pending job_id=job-2: busy", extra={"job_id": "job-2"})
    requests(telemetry, failed=4)


def requests(telemetry: Telemetry, failed: int) -> None:
    for number in range(60):
        telemetry.request("list_jobs", 503 if number < failed else 200)


def healthy(telemetry: Telemetry) -> None:
    """At the limits at which the app is still well."""
    work(telemetry)
    gauges(telemetry, queue=100, oldest=7200)


def log(level: str, text: str) -> Callable[[Telemetry], None]:
    """The app as it is when it is well, and a line of its log."""

    def condition(telemetry: Telemetry) -> None:
        healthy(telemetry)
        getattr(telemetry.log, level)(text, extra={"job_id": "job-9"})

    return condition


def crash(text: str) -> Callable[[Telemetry], None]:
    """The same, and a line with a traceback."""

    def condition(telemetry: Telemetry) -> None:
        healthy(telemetry)
        try:
            raise KeyError("a bug")
        except KeyError:
            telemetry.log.exception(text)

    return condition


def counted(metric: names.Metric, value: float, **attributes: str) -> Callable[[Telemetry], None]:
    """The same, and a count."""

    def condition(telemetry: Telemetry) -> None:
        healthy(telemetry)
        telemetry.app.measure(metric, value, **attributes)

    return condition


def nothing(telemetry: Telemetry) -> None:
    """No function runs."""


def failing_requests(telemetry: Telemetry) -> None:
    gauges(telemetry)
    requests(telemetry, failed=6)


def no_reconcile(telemetry: Telemetry) -> None:
    work(telemetry)


def backlog(telemetry: Telemetry) -> None:
    work(telemetry)
    gauges(telemetry, queue=101)


def poisoned(telemetry: Telemetry) -> None:
    work(telemetry)
    gauges(telemetry, poison=1)


def long_wait(telemetry: Telemetry) -> None:
    work(telemetry)
    gauges(telemetry, oldest=7201)


TROUBLES: Mapping[str, tuple[str, Callable[[Telemetry], None]]] = {
    "requests fail": ("5xx", failing_requests),
    "nothing runs": ("no-executions", nothing),
    "storage refuses": ("storage", log("error", "storage_access_refused store=tables: 403")),
    "storage is away at the start": ("storage", log("warning", "activity_postponed job_id=job-9")),
    "blobs do not answer": (
        "storage",
        counted(names.RETRIES, 1, category="transient", code="storage_unavailable"),
    ),
    "messages wait": ("queue-backlog", backlog),
    "the sidecar is away": (
        "sidecar",
        counted(names.RETRIES, 1, category="transient", code="sidecar_unreachable"),
    ),
    "submissions get no answer": (
        "sidecar",
        counted(names.RETRIES, 1, category="unknown", code="no_answer"),
    ),
    "a message is poisoned": ("poison", poisoned),
    "reconcile does not run": ("nothing-reconciled", no_reconcile),
    "an orchestration is stuck": (
        "stuck-orchestrations",
        log("error", "orchestration_stuck job_id=job-9 is=Running"),
    ),
    "an orchestration fails again": (
        "stuck-orchestrations",
        log("error", "orchestration_restarted job_id=job-9 was=Failed"),
    ),
    "an orchestration is given up": (
        "stuck-orchestrations",
        log("error", "orchestration_failed job_id=job-9: ImportError"),
    ),
    "a setting is wrong": ("configuration", log("error", "settings_invalid BLAST_REGION: missing")),
    "a token is refused": (
        "configuration",
        log("error", "configuration_refused job_id=job-9 code=sidecar_401"),
    ),
    "a step crashes to the end": (
        "failures-by-us",
        counted(
            names.JOBS_ENDED,
            1,
            phase="submit_failed",
            error_code="activity_crashed",
            program="blastn",
        ),
    ),
    "a request crashes": ("failures-by-us", crash("handler_crashed operation=read_job")),
    "reconcile crashes": ("failures-by-us", crash("timer_item_crashed job_id=job-9")),
    "a message is given up": ("failures-by-us", crash("message_abandoned message_id=1")),
    "a search waits": ("waits-too-long", long_wait),
    "Jobs are left": ("left-on-cluster", log("error", "cleanup_abandoned job_id=job-9: 403")),
}
"""By name: the alert that it fires, and what the app then reports."""


def checks(failed: int) -> list[Row]:
    """Three checks from each of three places. Azure writes these rows itself."""
    columns: dict[str, Any] = {"TimeGenerated": datetime.now(UTC), "Name": "health"}
    return [
        ("AppAvailabilityResults", {**columns, "Success": number >= failed, "DurationMs": 80.0})
        for number in range(9)
    ]
