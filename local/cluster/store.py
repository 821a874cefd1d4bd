"""The cluster's objects: read from memory, stored in one SQLite file."""

import json
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from local.cluster.resources import KINDS, Json, ResourceKind
from local.cluster.times import Clock, stamp

Key = tuple[str, str]
"""Namespace and name; cluster-scoped objects have an empty namespace."""

MAX_CHANGES = 20_000
"""Number of changes kept for watches; older resource versions get 410."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT, namespace TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (only INTEGER PRIMARY KEY CHECK (only = 0), version INTEGER);
INSERT OR IGNORE INTO counter VALUES (0, 1);
"""


@dataclass(frozen=True)
class StoredObject:
    """An object at one resource version. Never edit `obj`; edit the copy from `draft()`."""

    obj: Json
    text: str

    def draft(self) -> Json:
        return cast(Json, json.loads(self.text))

    @property
    def key(self) -> Key:
        return key_of(self.obj)

    @property
    def uid(self) -> str:
        return str(self.obj["metadata"]["uid"])

    @property
    def version(self) -> str:
        return str(self.obj["metadata"]["resourceVersion"])


@dataclass(frozen=True)
class Change:
    """A change of an object of `kind`; `before` and `now` are None at creation and deletion."""

    version: int
    kind: ResourceKind
    now: StoredObject | None
    before: StoredObject | None


def key_of(obj: Json) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


class Store:
    """All objects by kind and key, with one growing counter of resource versions.

    Changes are visible immediately and durable after `commit()`, which is one transaction.
    Listeners are called during the change and must not write.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open or create the file. sqlite3.OperationalError if another process has it open."""
        self._clock = clock
        self._disk = sqlite3.connect(path, timeout=0, isolation_level=None)
        self._disk.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._disk.execute("PRAGMA journal_mode = WAL")
        self._disk.execute("PRAGMA synchronous = NORMAL")
        self._disk.executescript(_SCHEMA)
        self._unwritten: dict[tuple[str, str, str], str | None] = {}
        self._objects: dict[ResourceKind, dict[Key, StoredObject]] = {kind: {} for kind in KINDS}
        self._owned: dict[str, set[tuple[ResourceKind, Key]]] = {}
        self._load()
        self.changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self.oldest = self.version
        self.listeners: list[Callable[[Change], None]] = []

    def _load(self) -> None:
        kinds = {kind.plural: kind for kind in KINDS}
        (self.version,) = self._disk.execute("SELECT version FROM counter").fetchone()
        for plural, text in self._disk.execute("SELECT kind, body FROM objects"):
            record = StoredObject(json.loads(text), text)
            self._objects[kinds[plural]][record.key] = record
            self._index(kinds[plural], record, None)

    def get(self, kind: ResourceKind, namespace: str, name: str) -> StoredObject | None:
        return self._objects[kind].get((namespace, name))

    def every(self, kind: ResourceKind, namespace: str | None = None) -> list[StoredObject]:
        """All objects of the kind, or those of one namespace, ordered by key."""
        by_key = self._objects[kind]
        return [by_key[key] for key in sorted(by_key) if namespace is None or key[0] == namespace]

    def owned(self, kind: ResourceKind, uid: str) -> list[StoredObject]:
        """The objects of `kind` whose owner has this uid."""
        owned = sorted(key for owned_kind, key in self._owned.get(uid, ()) if owned_kind is kind)
        return [self._objects[kind][key] for key in owned]

    def add(self, kind: ResourceKind, obj: Json) -> StoredObject:
        """Store a new object; its key must be free. Sets a uid if missing."""
        meta = {
            "uid": str(uuid.uuid4()),
            **obj["metadata"],
            "creationTimestamp": stamp(self._clock()),
            "generation": 1,
        }
        return self._put(kind, {**obj, "metadata": meta}, None)

    def replace(self, kind: ResourceKind, obj: Json) -> StoredObject:
        """Store a new state of an existing object; does nothing if nothing differs."""
        before = self._objects[kind][key_of(obj)]
        if obj == before.obj:
            return before
        if obj.get("spec") != before.obj.get("spec"):
            obj["metadata"]["generation"] = before.obj["metadata"]["generation"] + 1
        return self._put(kind, obj, before)

    def remove(self, kind: ResourceKind, record: StoredObject) -> None:
        """Delete the object with the record's key."""
        before = self._objects[kind].pop(record.key)
        self._index(kind, None, before)
        self._record_change(kind, None, before)

    def _put(self, kind: ResourceKind, obj: Json, before: StoredObject | None) -> StoredObject:
        meta = {**obj["metadata"], "resourceVersion": str(self.version + 1)}
        full = {"apiVersion": kind.api_version, "kind": kind.name, **obj, "metadata": meta}
        record = StoredObject(full, json.dumps(full, separators=(",", ":")))
        self._objects[kind][record.key] = record
        self._index(kind, record, before)
        self._record_change(kind, record, before)
        return record

    def _index(
        self, kind: ResourceKind, now: StoredObject | None, before: StoredObject | None
    ) -> None:
        for owner, key in _owners(before):
            self._owned[owner].discard((kind, key))
            if not self._owned[owner]:
                del self._owned[owner]
        for owner, key in _owners(now):
            self._owned.setdefault(owner, set()).add((kind, key))

    def _record_change(
        self, kind: ResourceKind, now: StoredObject | None, before: StoredObject | None
    ) -> None:
        self.version += 1
        if len(self.changes) == MAX_CHANGES:
            self.oldest = self.changes[0].version
        change = Change(self.version, kind, now, before)
        self.changes.append(change)
        key = now.key if now else cast(StoredObject, before).key
        self._unwritten[kind.plural, *key] = now.text if now else None
        for listener in list(self.listeners):
            listener(change)

    def commit(self) -> None:
        """Write all changes since the last commit in one transaction."""
        if not self._unwritten:
            return
        rows, self._unwritten = self._unwritten, {}
        self._disk.execute("BEGIN")
        for key, text in rows.items():
            if text is None:
                where = "kind = ? AND namespace = ? AND name = ?"
                self._disk.execute(f"DELETE FROM objects WHERE {where}", key)
            else:
                self._disk.execute(
                    "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (*key, text)
                )
        self._disk.execute("UPDATE counter SET version = ?", (self.version,))
        self._disk.execute("COMMIT")

    def close(self) -> None:
        self.commit()
        self._disk.close()


def _owners(record: StoredObject | None) -> list[tuple[str, Key]]:
    if record is None:
        return []
    references = record.obj["metadata"].get("ownerReferences", [])
    return [(reference["uid"], record.key) for reference in references]
