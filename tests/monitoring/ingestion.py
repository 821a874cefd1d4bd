"""The app's own telemetry before a stand-in of Application Insights' ingestion endpoint."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from shared.telemetry.telemetry import SCOPE
from shared.telemetry.telemetry import Telemetry as AppTelemetry
from tests.support.ingestion import Ingestion, Row, ingesting


@dataclass
class Telemetry:
    """The app's telemetry with Azure Monitor's exporters; log lines, and requests of the host."""

    ingestion: Ingestion
    app: AppTelemetry = field(init=False)
    """Reports transitions and metrics as the app does."""
    log: logging.Logger = field(init=False)

    def __post_init__(self) -> None:
        options: dict[str, Any] = {"connection_string": self.ingestion.connection_string}
        options["disable_offline_storage"] = True
        logs = LoggerProvider()
        logs.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**options)))
        reader = PeriodicExportingMetricReader(
            AzureMonitorMetricExporter(**options), export_interval_millis=3_600_000
        )
        self._meters = MeterProvider([reader])
        spans = TracerProvider()
        exporter = AzureMonitorTraceExporter(tracer_provider=spans, **options)
        spans.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = spans.get_tracer(SCOPE)
        self._providers = (logs, self._meters, spans)
        meter, logger = self._meters.get_meter(SCOPE), logs.get_logger(SCOPE)
        self.app = AppTelemetry(meter=meter, logger=logger)
        self.log = logging.getLogger(f"telemetry.{uuid.uuid4().hex}")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        self._handler = LoggingHandler(logger_provider=logs)
        self.log.addHandler(self._handler)

    def request(self, name: str, status: int) -> None:
        """A function that ran for a request, as the host reports it."""
        attributes: dict[str, str | int] = {
            "http.request.method": "GET",
            "url.scheme": "https",
            "server.address": "app.example.com",
            "url.path": f"/api/{name}",
            "http.route": f"/api/{name}",
            "http.response.status_code": status,
        }
        with self._tracer.start_as_current_span(name, kind=SpanKind.SERVER, attributes=attributes):
            pass

    def minute(self) -> None:
        """A minute is over: metrics are exported."""
        self._meters.force_flush()

    def close(self) -> None:
        """Report no more."""
        self.log.removeHandler(self._handler)
        for provider in self._providers:
            provider.shutdown()

    def rows(self) -> list[Row]:
        """The rows of all that was reported."""
        for provider in self._providers:
            provider.force_flush()
        assert self.ingestion.faults == []
        return self.ingestion.all_rows()


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    """Telemetry before an endpoint of its own."""
    with ingesting() as ingestion, pytest.MonkeyPatch.context() as patch:
        patch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "True")
        patch.setenv("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "True")
        reporting = Telemetry(ingestion)
        yield reporting
        reporting.close()
