"""A stand-in for Application Insights' ingestion endpoint, and Azure Monitor's exporters."""

import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

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

from shared.telemetry.names import TRANSITION, Metric, MetricKind
from tests.monitoring.tables import Row, rows_of

EVENT_NAME = "microsoft.custom_event.name"
"""The attribute that makes a log record an event (source: azure-monitor-opentelemetry)."""


class _Endpoint(BaseHTTPRequestHandler):
    """Keeps what is posted, and accepts all of it."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        items = json.loads(body)
        self.received.extend(items)
        answer = {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Telemetry:
    """Reports as the app does: log lines, events, metrics and requests."""

    connection: str
    received: list[dict[str, Any]]
    _instruments: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        options: dict[str, Any] = {"connection_string": self.connection}
        options["disable_offline_storage"] = True
        logs = LoggerProvider()
        logs.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**options)))
        reader = PeriodicExportingMetricReader(
            AzureMonitorMetricExporter(**options), export_interval_millis=3_600_000
        )
        self._meters = MeterProvider([reader])
        self._meter = self._meters.get_meter("blast")
        spans = TracerProvider()
        exporter = AzureMonitorTraceExporter(tracer_provider=spans, **options)
        spans.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = spans.get_tracer("blast")
        self._providers = (logs, self._meters, spans)
        self.log = logging.getLogger(f"telemetry.{id(self)}")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        self._handler = LoggingHandler(logger_provider=logs)
        self.log.addHandler(self._handler)

    def transition(self, **fields: object) -> None:
        """The event of a transition."""
        self.log.info(TRANSITION, extra={EVENT_NAME: TRANSITION, **fields})

    def metric(self, metric: Metric, value: float, **attributes: str) -> None:
        """Count, record or set a value. Attributes are those that the metric has."""
        assert {*attributes} <= {*metric.attributes}, metric.name
        if metric.name not in self._instruments:
            create = {
                MetricKind.COUNTER: self._meter.create_counter,
                MetricKind.GAUGE: self._meter.create_gauge,
                MetricKind.HISTOGRAM: self._meter.create_histogram,
            }[metric.kind]
            self._instruments[metric.name] = create(metric.name, unit=metric.unit)
        instrument = self._instruments[metric.name]
        use = {MetricKind.COUNTER: "add", MetricKind.GAUGE: "set", MetricKind.HISTOGRAM: "record"}[
            metric.kind
        ]
        getattr(instrument, use)(value, attributes)

    def request(self, name: str, status: int) -> None:
        """A function that ran for a request."""
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
        return list(rows_of(self.received))


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    """Telemetry before an endpoint of its own."""

    class Endpoint(_Endpoint):
        received: ClassVar[list[dict[str, Any]]] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        key = "00000000-0000-0000-0000-000000000001"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "True")
            text = f"InstrumentationKey={key};IngestionEndpoint={url};LiveEndpoint={url}"
            reporting = Telemetry(text, Endpoint.received)
            yield reporting
            reporting.close()
        server.shutdown()
