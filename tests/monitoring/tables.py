"""The tables of the workspace, and what arrives for ingestion as their rows."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb_kql

Row = tuple[str, dict[str, Any]]
"""The table, and the columns."""

COMMON = {"TimeGenerated": "datetime", "OperationId": "string", "Properties": "dynamic"}
TABLES: Mapping[str, Mapping[str, str]] = {
    "AppAvailabilityResults": {
        **COMMON,
        "Name": "string",
        "Location": "string",
        "Success": "bool",
        "DurationMs": "real",
    },
    "AppEvents": {**COMMON, "Name": "string"},
    "AppExceptions": {
        **COMMON,
        "ExceptionType": "string",
        "OuterMessage": "string",
        "SeverityLevel": "int",
    },
    "AppMetrics": {
        **COMMON,
        "Name": "string",
        "Sum": "real",
        "Min": "real",
        "Max": "real",
        "ItemCount": "int",
    },
    "AppRequests": {
        **COMMON,
        "Name": "string",
        "Url": "string",
        "Success": "bool",
        "ResultCode": "string",
        "DurationMs": "real",
    },
    "AppTraces": {**COMMON, "Message": "string", "SeverityLevel": "int"},
    "Usage": {
        "TimeGenerated": "datetime",
        "DataType": "string",
        "Quantity": "real",
        "IsBillable": "bool",
    },
}
"""By table: the type of each column that is used (source: Azure Monitor's table reference)."""

_SQL = {
    "datetime": "TIMESTAMP",
    "string": "VARCHAR",
    "dynamic": "JSON",
    "bool": "BOOLEAN",
    "real": "DOUBLE",
    "int": "INTEGER",
}
_SEVERITIES = ("Verbose", "Information", "Warning", "Error", "Critical")


def declared() -> dict[str, str]:
    """The tables as Microsoft's parser takes them."""
    return {
        table: "(" + ", ".join(f"{name}: {kind}" for name, kind in columns.items()) + ")"
        for table, columns in TABLES.items()
    }


def rows_of(envelopes: list[dict[str, Any]]) -> Iterator[Row]:
    """The rows that Azure makes of what arrives for ingestion (`/v2.1/track`)."""
    for envelope in envelopes:
        base = envelope["data"]["baseData"]
        common = {
            "TimeGenerated": datetime.fromisoformat(envelope["time"]),
            "OperationId": envelope.get("tags", {}).get("ai.operation.id", ""),
            "Properties": base.get("properties") or {},
        }
        table, columns = _ROWS[envelope["data"]["baseType"]](base)
        yield table, common | columns


def _metric(base: Mapping[str, Any]) -> Row:
    (metric,) = base["metrics"]
    value = metric["value"]
    return "AppMetrics", {
        "Name": metric["name"],
        "Sum": value,
        "Min": value if metric.get("min") is None else metric["min"],
        "Max": value if metric.get("max") is None else metric["max"],
        "ItemCount": metric.get("count") or 1,
    }


def _exception(base: Mapping[str, Any]) -> Row:
    first = base["exceptions"][0]
    columns = {"ExceptionType": first["typeName"], "OuterMessage": first["message"]}
    return "AppExceptions", columns | {"SeverityLevel": _severity(base)}


def _request(base: Mapping[str, Any]) -> Row:
    return "AppRequests", {
        "Name": base.get("name"),
        "Url": base.get("url"),
        "Success": base["success"],
        "ResultCode": base["responseCode"],
        "DurationMs": 0.0,
    }


def _severity(base: Mapping[str, Any]) -> int:
    level = base.get("severityLevel")
    return _SEVERITIES.index(level) if isinstance(level, str) else int(level or 0)


_ROWS = {
    "EventData": lambda base: ("AppEvents", {"Name": base["name"]}),
    "ExceptionData": _exception,
    "MessageData": lambda base: (
        "AppTraces",
        {"Message": base["message"], "SeverityLevel": _severity(base)},
    ),
    "MetricData": _metric,
    "RequestData": _request,
}


class Workspace:
    """Rows in tables, or those of the last `window`, as a rule sees them.

    DuckDB runs the queries. Of KQL, duckdb-kql translates all that infra/monitoring uses.
    """

    def __init__(self, rows: list[Row], window: timedelta | None = None) -> None:
        since = datetime.now(UTC) - window if window else datetime.min.replace(tzinfo=UTC)
        self._connection = duckdb_kql.connect()
        for table, columns in TABLES.items():
            kinds = ", ".join(f'"{name}" {_SQL[kind]}' for name, kind in columns.items())
            self._connection.execute(f"CREATE TABLE {table} ({kinds})")
            found = [row for name, row in rows if name == table and row["TimeGenerated"] >= since]
            if found:
                marks = ", ".join("?" for _ in columns)
                values = [[row.get(name) for name in columns] for row in found]
                self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)

    def run(self, query: str) -> list[dict[str, Any]]:
        """The rows that a query returns."""
        result = duckdb_kql.query(self._connection, query)
        return [dict(zip(result.columns, values, strict=True)) for values in result.fetchall()]
