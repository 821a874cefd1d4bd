"""Reporting the app's event and metrics through the API of OpenTelemetry.

Without a configured SDK, which is everywhere but on Azure, the API does nothing. No report waits
for the network: an SDK exports from threads of its own.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from opentelemetry._logs import Logger, LogRecord, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.metrics import Meter, get_meter

from shared.contracts.job import Event, Job
from shared.telemetry.backlog import Backlog
from shared.telemetry.gauge import Gauge
from shared.telemetry.names import METRICS, TRANSITION, Metric, MetricKind
from shared.telemetry.tracing import in_trace
from shared.telemetry.transitions import Measurement, measurements, transition_fields
from shared.util.version import VERSION

SCOPE = "blast"
CUSTOM_EVENT = "microsoft.custom_event.name"
"""The attribute by which Application Insights takes a log record for an event (source: the exporter
azure-monitor-opentelemetry-exporter)."""
log = logging.getLogger("blast")
Adder = Callable[[float, Mapping[str, str]], None]


class Telemetry:
    """Reports events and metrics. No method raises for what the SDK or the network does."""

    def __init__(
        self, is_configured: bool = True, meter: Meter | None = None, logger: Logger | None = None
    ) -> None:
        """`is_configured`: whether reports can be made; else they wait for `backlog.open`.

        `meter` and `logger` are by default those of the process's providers, as they are set
        by then or later.
        """
        self.backlog = Backlog(is_configured)
        self._logger = logger or get_logger(SCOPE, VERSION)
        meter = meter or get_meter(SCOPE, VERSION)
        self._adders = {metric.name: _adder(meter, metric) for metric in METRICS}

    def measure(self, metric: Metric, value: float, **attributes: str | None) -> None:
        """Add a value to a metric; an attribute of None is left out."""
        self.backlog.report(partial(self._measure, Measurement(metric, value, attributes)))

    def transition(self, before: Job | None, job: Job, event: Event) -> None:
        """Report a transition that has been committed; `before` is None for a new job.

        Never raises: the transition has happened, and its caller has to go on.
        """
        try:
            fields = transition_fields(before, job, event)
            found = list(measurements(before, job, event))
            context = in_trace(job.trace_parent)
            self.backlog.report(partial(self._transition, event.at, context, fields, found))
        except Exception:  # a bug must not stop a job: see above
            log.exception("transition_not_reported job_id=%s event=%s", job.job_id, event.event)

    def _transition(
        self,
        at: datetime,
        context: Context,
        fields: Mapping[str, str | int | float],
        found: Iterable[Measurement],
    ) -> None:
        record = LogRecord(
            timestamp=round(at.timestamp() * 1_000_000) * 1000,  # that of the history
            context=context,
            severity_number=SeverityNumber.INFO,
            body=TRANSITION,
            attributes={CUSTOM_EVENT: TRANSITION, **fields},
        )
        self._logger.emit(record)
        for measurement in found:
            self._measure(measurement)

    def _measure(self, measurement: Measurement) -> None:
        attributes = {k: v for k, v in measurement.attributes.items() if v is not None}
        self._adders[measurement.metric.name](measurement.value, attributes)


def _adder(meter: Meter, metric: Metric) -> Adder:
    """The method of a new instrument that takes a value and its attributes."""
    labels = (metric.name, metric.unit, metric.meaning)
    match metric.kind:
        case MetricKind.COUNTER:
            return meter.create_counter(*labels).add
        case MetricKind.GAUGE:
            return Gauge(meter, metric).set
        case MetricKind.HISTOGRAM:
            return meter.create_histogram(*labels).record
