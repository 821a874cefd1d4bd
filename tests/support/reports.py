"""Reports of the app's telemetry, kept in the test's process by OpenTelemetry's own SDK."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric

from shared.telemetry.telemetry import Telemetry
from tests.support.expected_metrics import Attributes, Report, Total, Totals

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reports:
    """What was reported: events with their attributes, and metrics as sums by attributes."""

    def __init__(self) -> None:
        self._logs, self._reader = InMemoryLogRecordExporter(), InMemoryMetricReader()  # type: ignore[no-untyped-call]
        self._loggers, self._meters = LoggerProvider(), MeterProvider([self._reader])
        self._totals: Totals = {}
        self._loggers.add_log_record_processor(SimpleLogRecordProcessor(self._logs))

    def telemetry(self, is_configured: bool = True) -> Telemetry:
        """A telemetry whose reports are kept here."""
        meter, logger = self._meters.get_meter("test"), self._loggers.get_logger("test")
        return Telemetry(is_configured, meter, logger)

    def events(self) -> list[Mapping[str, Any]]:
        """The attributes of the events, in their order."""
        records = (each.log_record for each in self._logs.get_finished_logs())
        return [record.attributes or {} for record in records]

    def traces(self) -> list[str]:
        """The ids of the events' traces."""
        records = (each.log_record for each in self._logs.get_finished_logs())
        return [f"{record.trace_id:032x}" for record in records]

    def transitions(self) -> list[Report]:
        """The reported transitions, in their order."""
        return [
            (fields["job_id"], fields["event"], fields["phase"], self._time(number))
            for number, fields in enumerate(self.events())
        ]

    def _time(self, number: int) -> datetime:
        nanoseconds = self._logs.get_finished_logs()[number].log_record.timestamp or 0
        return EPOCH + timedelta(microseconds=nanoseconds / 1000)

    def values(self, name: str) -> dict[Attributes, float]:
        """The sum of a metric, or the last value of a gauge, for each set of attributes."""
        return {attributes: total.sum for attributes, total in self.totals(name).items()}

    def totals(self, name: str) -> dict[Attributes, Total]:
        """The sums of a metric with the numbers of values; those of a counter are not known."""
        self.collect()
        return self._totals.get(name, {})

    def collect(self) -> list[Metric]:
        """What is exported at the end of an interval."""
        data = self._reader.get_metrics_data()
        resources = data.resource_metrics if data else []
        scopes = [scope for resource in resources for scope in resource.scope_metrics]
        metrics = [metric for scope in scopes for metric in scope.metrics]
        for metric in metrics:
            totals = {_attributes(point): _total(point) for point in metric.data.data_points}
            self._totals.setdefault(metric.name, {}).update(totals)
        return metrics


def _total(point: Any) -> Total:
    if hasattr(point, "count"):
        return Total(point.sum, point.count)
    return Total(point.value)


def _attributes(point: Any) -> Attributes:
    return frozenset((name, str(value)) for name, value in (point.attributes or {}).items())
