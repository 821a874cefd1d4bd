"""Operations on disk: a record that says what is known of one, and what it wrote."""

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Record:
    """An operation that was accepted. `digest` stands for its command, which is not kept."""

    id: str
    digest: str
    started_at: datetime
    finished_at: datetime | None = None


class Records:
    """A folder of records for one process. Every write is on disk when its method returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def find(self, operation: str) -> Record | None:
        try:
            fields = json.loads(self._path(operation, "record").read_bytes())
        except FileNotFoundError:
            return None
        finished_at = fields["finished_at"]
        return Record(
            id=fields["id"],
            digest=fields["digest"],
            started_at=datetime.fromisoformat(fields["started_at"]),
            finished_at=datetime.fromisoformat(finished_at) if finished_at else None,
        )

    def save(self, record: Record) -> None:
        self._write(record.id, "record", json.dumps(asdict(record), default=datetime.isoformat))

    def finish(self, record: Record, finished_at: datetime, result: dict[str, Any]) -> None:
        """The result first, so that a record which says it ended has one."""
        self._write(record.id, "result", json.dumps(result))
        self.save(replace(record, finished_at=finished_at))

    def result(self, operation: str) -> dict[str, Any]:
        """The result of a finished operation, as it was given to `finish`."""
        result: dict[str, Any] = json.loads(self._path(operation, "result").read_bytes())
        return result

    def forget(self, operation: str) -> None:
        """Remove all of it, the record first. Safe to say twice."""
        for kind in ("record", "result"):
            self._path(operation, kind).unlink(missing_ok=True)

    def older_than(self, instant: datetime) -> list[str]:
        """The operations that ended before `instant`, or started before it and have no end."""
        found = (self.find(path.stem) for path in self._folder.glob("*.record"))
        return [
            record.id
            for record in found
            if record and (record.finished_at or record.started_at) < instant
        ]

    def _path(self, operation: str, kind: str) -> Path:
        return self._folder / f"{operation}.{kind}"

    def _write(self, operation: str, kind: str, text: str) -> None:
        """Replace a file as a whole, readable by this user alone."""
        path = self._path(operation, kind)
        draft = path.with_suffix(f".{kind}-draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
