"""Operations on disk: a record and a result for each, and the id of their folder."""

import json
import re
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sidecar.files import remove, write_file
from sidecar.log import log_error, log_exception

INSTANCE_FILE = "instance"
KINDS = ("record", "result", "record-draft", "result-draft")
"""The files of an operation, the record first."""


class StateLost(Exception):
    """The folder is gone or was replaced, so a missing record proves nothing."""


@dataclass(frozen=True)
class OperationRecord:
    """An operation that was accepted. The command itself is not kept, only its `digest`.

    `digest` None: the record cannot be read. The operation was accepted; its command and outcome
    are unknown.
    """

    id: str
    digest: str | None
    started_at: datetime
    finished_at: datetime | None = None


class Records:
    """A folder of records, used by one process. Every write is on disk when its method returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._instance = ""

    def open(self) -> str:
        """Create the folder if it is missing; return its id.

        The id is created once and stored beside the records, so that both are lost together.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._instance = self._read_instance()
        if not self._instance:
            self._instance = uuid.uuid4().hex
            write_file(self._folder / INSTANCE_FILE, self._instance)
        return self._instance

    def find(self, operation: str) -> OperationRecord | None:
        """None: this folder never accepted the operation. Raises StateLost or OSError."""
        path = self._path(operation, "record")
        try:
            return _parse_record(path.read_bytes())
        except FileNotFoundError:
            self._check_instance()
            return None
        except (IsADirectoryError, PermissionError, ValueError, LookupError, TypeError) as error:
            log_error("record_unreadable", operation=operation, fault=type(error).__name__)
            return OperationRecord(operation, None, _modified_at(path))

    def save(self, record: OperationRecord) -> None:
        text = json.dumps(asdict(record), default=datetime.isoformat)
        write_file(self._path(record.id, "record"), text)

    def finish(
        self, record: OperationRecord, finished_at: datetime, result: dict[str, Any]
    ) -> None:
        """Write the result first, so that every record with an end has one."""
        write_file(self._path(record.id, "result"), json.dumps(result))
        self.save(replace(record, finished_at=finished_at))

    def result(self, operation: str) -> dict[str, Any] | None:
        """The result of a finished operation, as given to `finish`. None: unreadable."""
        try:
            result = json.loads(self._path(operation, "result").read_bytes())
        except (FileNotFoundError, IsADirectoryError, PermissionError, ValueError) as error:
            log_error("result_unreadable", operation=operation, fault=type(error).__name__)
            return None
        return result if isinstance(result, dict) else None

    def forget(self, operation: str) -> None:
        """Remove all files of the operation, the record first. Idempotent."""
        for kind in KINDS:
            remove(self._path(operation, kind))

    def older_than(self, instant: datetime) -> list[str]:
        """Operations that ended before `instant`, or started before it and have no end.

        Without a readable record, the modification times of the files count.
        """
        names = {path.name.partition(".")[0] for path in self._folder.glob("*.*")}
        return sorted(name for name in names if self._is_older(name, instant))

    def _is_older(self, operation: str, instant: datetime) -> bool:
        """False for an operation that cannot be examined now; the next purge tries again."""
        try:
            record = self.find(operation)
            if record:
                return (record.finished_at or record.started_at) < instant
            return max(_modified_at(path) for path in self._files(operation)) < instant
        except (OSError, ValueError):
            log_exception("record_not_examined", operation=operation)
            return False

    def _files(self, operation: str) -> list[Path]:
        return [path for kind in KINDS if (path := self._path(operation, kind)).exists()]

    def _path(self, operation: str, kind: str) -> Path:
        return self._folder / f"{operation}.{kind}"

    def _read_instance(self) -> str:
        """The id stored in the folder; empty if missing or unreadable."""
        try:
            text = (self._folder / INSTANCE_FILE).read_text()
        except (FileNotFoundError, ValueError):
            return ""
        return text if re.fullmatch("[0-9a-f]{32}", text) else ""

    def _check_instance(self) -> None:
        if not self._instance or self._read_instance() != self._instance:
            raise StateLost(f"{self._folder} is gone or was replaced; restart the exec server")


def _parse_record(data: bytes) -> OperationRecord:
    """Raises ValueError, LookupError or TypeError for what `save` did not write."""
    fields = json.loads(data)
    finished_at = fields["finished_at"]
    return OperationRecord(
        id=_as_text(fields["id"]),
        digest=_as_text(fields["digest"]),
        started_at=_as_time(fields["started_at"]),
        finished_at=None if finished_at is None else _as_time(finished_at),
    )


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _as_time(value: object) -> datetime:
    time = datetime.fromisoformat(_as_text(value))
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    return time


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
