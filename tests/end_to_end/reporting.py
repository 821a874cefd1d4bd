"""A stack with Azure Monitor's real distribution before a loopback endpoint, and what it sent."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.data.tables import TableClient

from local.stack import Stack
from shared.dependencies import JOBS_TABLE
from shared.jobs import rows
from shared.telemetry.names import METRICS, TRANSITION
from tests.end_to_end.conftest import FAST_POLLING
from tests.support.expected_metrics import Attributes, History, Report, Total
from tests.support.ingestion import Ingestion

SETTINGS = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True",
    "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
    "OTEL_TRACES_SAMPLER_ARG": "1.0",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_BSP_SCHEDULE_DELAY": "500",
}
_ATTRIBUTES = {metric.name: metric.attributes for metric in METRICS}


def reporting(
    folder: Path, connection: str, settings: Mapping[str, str] = FAST_POLLING, workers: int = 1
) -> Stack:
    """A stack whose app sends its telemetry to this connection string."""
    (folder / "tmp").mkdir(parents=True)
    sending = {"APPLICATIONINSIGHTS_CONNECTION_STRING": connection, "TMPDIR": str(folder / "tmp")}
    all_settings = {**SETTINGS, **settings, **sending}
    return Stack(folder / "stack", settings=all_settings, workers=workers)


def histories(stack: Stack) -> list[History]:
    """All jobs and their events, read from the table itself."""
    connection = stack.azurite.connection_string
    found: dict[str, list[dict[str, Any]]] = {}
    with TableClient.from_connection_string(connection, JOBS_TABLE) as table:
        for row in table.list_entities():
            found.setdefault(row["PartitionKey"], []).append(dict(row))
    return [_history(of_job) for of_job in found.values()]


def _history(found: list[dict[str, Any]]) -> History:
    (job_row,) = [row for row in found if row["RowKey"] == rows.JOB]
    events = [rows.event_from_row(row) for row in found if row["RowKey"].startswith("event-")]
    return History(rows.job_from_row(job_row), sorted(events, key=lambda event: event.sequence))


def transitions(ingestion: Ingestion) -> Iterator[Report]:
    """The transitions that arrived."""
    for row in ingestion.rows("AppEvents", TRANSITION):
        fields = row["Properties"]
        yield fields["job_id"], fields["event"], fields["phase"], row["TimeGenerated"]


def totals(ingestion: Ingestion, name: str) -> dict[Attributes, Total]:
    """The sums of what arrived of a metric, over all processes, with the numbers of values."""
    found: dict[Attributes, Total] = {}
    for row in ingestion.rows("AppMetrics", name):
        properties = row["Properties"]
        assert properties.keys() <= {*_ATTRIBUTES[name]}, row
        key = frozenset(properties.items())
        before = found.get(key, Total())
        found[key] = Total(before.sum + row["Sum"], before.count + row["ItemCount"])
    return found
