"""Configuring OpenTelemetry's SDK for Azure Monitor, beside the start of the app."""

import logging
from collections.abc import Callable
from functools import partial

from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

from shared.telemetry.backlog import Backlog
from shared.telemetry.telemetry import Telemetry
from shared.util.threads import run_beside
from shared.util.version import VERSION

log = logging.getLogger("blast")
SERVICE = "elastic-blast-control-plane"
INSTRUMENTATIONS = (
    *("azure_sdk", "django", "fastapi", "flask", "psycopg2"),
    *("requests", "urllib", "urllib3", "httpx", "httpx2"),
)
"""All that the distribution has. Off: their spans have URLs with query strings, in which filters
name callers and a SAS is a secret."""


def start_telemetry(connection_string: str | None) -> Telemetry:
    """The telemetry of this process; with a connection string, Azure Monitor gets it.

    The distribution is imported and configured in a thread, which no request waits for; reports
    and log lines of the meantime are sent then.
    """
    if not connection_string:
        return Telemetry()
    telemetry = Telemetry(is_configured=False)
    lines = HeldLines(telemetry.backlog)
    log.addHandler(lines)
    run_beside(partial(_start, connection_string, lines), "telemetry")
    return telemetry


class HeldLines(logging.Handler):
    """Passes log lines on to the handlers that the distribution has added meanwhile."""

    def __init__(self, backlog: Backlog) -> None:
        super().__init__()
        self.backlog = backlog
        self.handle_later: Callable[[logging.LogRecord], object] = lambda record: None
        """Gets each line that was written before `backlog.open`."""

    def emit(self, record: logging.LogRecord) -> None:
        def handle() -> None:
            self.handle_later(record)

        self.backlog.report(handle)


def _start(connection_string: str, lines: HeldLines) -> None:
    before = list(log.handlers)
    try:
        if isinstance(get_tracer_provider(), ProxyTracerProvider):  # not by the worker already
            configure(connection_string)
    except Exception:  # of any kind: searches go on without telemetry
        log.exception("telemetry_not_configured")
    for handler in log.handlers:
        if handler not in before:
            lines.handle_later = handler.handle
    log.removeHandler(lines)
    lines.backlog.open()


def configure(connection_string: str) -> None:
    """Configure the SDK's providers, with exporters to Azure Monitor."""
    from azure.monitor.opentelemetry import configure_azure_monitor
    from opentelemetry.sdk.resources import Resource

    from shared.telemetry.job_spans import JobIdProcessor

    resource = Resource.create({"service.name": SERVICE, "service.version": VERSION})
    configure_azure_monitor(
        connection_string=connection_string,
        logger_name="blast",
        resource=resource,
        span_processors=[JobIdProcessor()],
        enable_live_metrics=False,  # each process would send a request every five seconds
        enable_performance_counters=False,  # the platform has them
        instrumentation_options={name: {"enabled": False} for name in INSTRUMENTATIONS},
    )
