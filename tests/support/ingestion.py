"""A loopback endpoint in place of that of Application Insights, which keeps what it receives.

It reads what the real one does: a JSON array or JSON lines, plain or gzip. It refuses what the real
one refuses (by the documented limits): another method or path, another instrumentation key, items
without name, time or data, times out of bounds, and texts that are too long. It can also refuse
everything, or answer nothing.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "00000000-0000-4000-8000-000000000001"
PATH = "/v2.1/track"
LONGEST_ITEM = 64 * 1024
LONGEST = {"name": 1024, "message": 32_768, "property": 8192}
"""Characters, by kind of text."""
OLDEST, NEWEST = timedelta(hours=48), timedelta(hours=2)
"""How far the time of an item may be from now."""
_SEVERITIES = ("Verbose", "Information", "Warning", "Error", "Critical")
TABLES = {
    "EventData": "AppEvents",
    "MetricData": "AppMetrics",
    "MessageData": "AppTraces",
    "ExceptionData": "AppExceptions",
    "RemoteDependencyData": "AppDependencies",
    "RequestData": "AppRequests",
}
"""By type of an item: the table of the workspace that has it."""
Item = Mapping[str, Any]
Row = tuple[str, dict[str, Any]]
"""The table of the workspace, and the columns."""


@dataclass
class Ingestion:
    """A running endpoint."""

    url: str
    status: int = 200
    """The status of every response; other than 200, nothing is kept."""
    hangs: bool = False
    """Whether requests get no response."""
    bodies: list[bytes] = field(default_factory=list)
    """All bytes that arrived, unpacked, and the headers."""
    items: list[Item] = field(default_factory=list)
    """The accepted items, in their order."""
    faults: list[str] = field(default_factory=list)
    """Why requests or items were refused."""
    stopping: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint={self.url}"

    def all_rows(self) -> list[Row]:
        """The rows of all tables, each with the name of its table."""
        return [(_table(item), _row(item)) for item in self.items]

    def rows(self, table: str, name: str | None = None) -> list[dict[str, Any]]:
        """The rows of a table of the workspace, by the time of their items."""
        found = [_row(item) for item in self.items if _table(item) == table]
        named = [row for row in found if name in (None, row.get("Name"))]
        return sorted(named, key=lambda row: row["TimeGenerated"])

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, which is looked at after each request; whether it does."""
        with self.arrived:
            return self.arrived.wait_for(until, seconds)

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The status and the body of the response to a request."""
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.bodies += [body, json.dumps(dict(headers)).encode()]
        if path != PATH:
            self.faults.append(f"no such path: {path}")
            return 404, b""
        if self.status != 200:
            return self.status, b"{}"
        items = _items(body)
        errors = [
            {"index": number, "statusCode": 400, "message": fault}
            for number, item in enumerate(items)
            if (fault := _fault(item))
        ]
        refused = {error["index"] for error in errors}
        self.faults += [str(error["message"]) for error in errors]
        accepted = [item for number, item in enumerate(items) if number not in refused]
        self.items += accepted
        counts = {"itemsReceived": len(items), "itemsAccepted": len(accepted), "errors": errors}
        return (206 if errors else 200), json.dumps(counts).encode()


@contextmanager
def ingesting() -> Iterator[Ingestion]:
    """An endpoint on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    ingestion = Ingestion(f"http://127.0.0.1:{server.server_port}/")
    server.ingestion = ingestion  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield ingestion
    finally:
        ingestion.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ingestion: Ingestion = self.server.ingestion  # type: ignore[attr-defined]
        if ingestion.hangs:
            ingestion.stopping.wait()
            self.close_connection = True
            return
        with ingestion.arrived:
            status, answer = ingestion.receive(self.path, dict(self.headers), body)
            ingestion.arrived.notify_all()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):  # the client has ended
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the requests are kept."""


def _items(body: bytes) -> list[Item]:
    """A JSON array, or one JSON object a line; the exporter sends the first."""
    text = body.decode()
    if text.lstrip().startswith("["):
        items: list[Item] = json.loads(text)
        return items
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _fault(item: Item) -> str | None:
    """Why an item is refused; None if it is not."""
    missing = [name for name in ("name", "time", "iKey", "data") if not item.get(name)]
    if missing:
        return f"an item without {missing}"
    if item["iKey"] != KEY:
        return "the instrumentation key is unknown"
    since = datetime.now(UTC) - datetime.fromisoformat(item["time"])
    if not -NEWEST < since < OLDEST:
        return "the time is out of bounds"
    if len(json.dumps(item)) > LONGEST_ITEM:
        return "the item is too long"
    kind, data = item["data"].get("baseType"), item["data"].get("baseData", {})
    if kind not in TABLES:
        return f"the type {kind} is unknown"
    texts = {
        "name": [data.get("name") or ""],
        "message": [data.get("message") or ""],
        "property": [str(value) for value in (data.get("properties") or {}).values()],
    }
    sizes = {name: max(map(len, found), default=0) for name, found in texts.items()}
    long = [name for name, size in sizes.items() if size > LONGEST[name]]
    return f"too long: {long}" if long else None


def _table(item: Item) -> str:
    return TABLES[item["data"]["baseType"]]


def _row(item: Item) -> dict[str, Any]:
    """An item as the row of its table; as much of it as queries read."""
    data, tags = item["data"]["baseData"], item.get("tags", {})
    row = {
        "TimeGenerated": datetime.fromisoformat(item["time"]),
        "Properties": data.get("properties") or {},
        "OperationId": tags.get("ai.operation.id", ""),
        "ParentId": tags.get("ai.operation.parentId", ""),
        "AppRoleName": tags.get("ai.cloud.role", ""),
        "AppVersion": tags.get("ai.application.ver", ""),
    }
    match _table(item):
        case "AppMetrics":
            (metric,) = data["metrics"]
            value, count = metric["value"], metric.get("count")
            return row | {
                "Name": metric["name"],
                "Sum": value,
                "Min": metric.get("min", value),
                "Max": metric.get("max", value),
                "ItemCount": count or 1,
            }
        case "AppTraces":
            return row | {"Message": data["message"], "SeverityLevel": _severity(data)}
        case "AppExceptions":
            detail = data["exceptions"][0]
            texts = {"ExceptionType": detail["typeName"], "OuterMessage": detail["message"]}
            return row | texts | {"SeverityLevel": _severity(data)}
        case "AppRequests":
            names = {"Id": "id", "Name": "name", "Url": "url", "Success": "success"}
            names |= {"ResultCode": "responseCode"}
        case _:
            names = {"Id": "id", "Name": "name", "Success": "success", "ResultCode": "resultCode"}
    columns = {column: data.get(name) for column, name in names.items()}
    return row | columns | {"DurationMs": _milliseconds(data.get("duration"))}


def _severity(data: Mapping[str, Any]) -> int:
    level = data.get("severityLevel")
    return _SEVERITIES.index(level) if isinstance(level, str) else int(level or 0)


def _milliseconds(duration: str | None) -> float:
    """A duration of an envelope, `d.hh:mm:ss.ffffff`."""
    days, _, time = (duration or "0.00:00:00").partition(".")
    hours, minutes, seconds = time.split(":")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000
