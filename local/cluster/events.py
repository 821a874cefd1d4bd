"""Kubernetes events: what happened to pods and Jobs, kept for an hour."""

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from local.cluster.resources import EVENTS, Json, ResourceKind
from local.cluster.store import Key, Store, StoredObject
from local.cluster.times import Clock, instant, stamp

NORMAL, WARNING = "Normal", "Warning"
TIME_TO_LIVE = timedelta(hours=1)
"""The default of an API server's `--event-ttl`."""
MAX_EVENTS = 5000
"""The oldest are removed before their time; a real cluster has no such limit."""


@dataclass
class EventRecorder:
    """Writes events. Like a real one, it counts an equal event instead of writing another."""

    store: Store
    clock: Clock
    _by_subject: dict[tuple[str, str, str], Key] = field(default_factory=dict)
    _oldest_first: deque[tuple[Key, tuple[str, str, str]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Take over the events of an earlier process."""
        records = self.store.every(EVENTS)
        for record in sorted(records, key=lambda record: str(record.obj["firstTimestamp"])):
            self._remember(record, _subject(record.obj))

    def record(
        self, kind: ResourceKind, about: StoredObject, type_: str, reason: str, message: str
    ) -> None:
        """Record an event about a pod or Job."""
        self._drop_old()
        now = stamp(self.clock())
        if (key := self._by_subject.get((about.uid, reason, message))) is not None:
            again = self.store.get(EVENTS, *key)
            if again is not None:
                counted = again.draft() | {"count": again.obj["count"] + 1, "lastTimestamp": now}
                self.store.replace(EVENTS, counted)
                return
        namespace, name = about.key
        event = {
            "metadata": {"name": f"{name}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {
                "kind": kind.name,
                "namespace": namespace,
                "name": name,
                "uid": about.uid,
                "apiVersion": kind.api_version,
            },
            "type": type_,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": "local-cluster"},
        }
        self._remember(self.store.add(EVENTS, event), _subject(event))

    def _remember(self, record: StoredObject, subject: tuple[str, str, str]) -> None:
        self._by_subject[subject] = record.key
        self._oldest_first.append((record.key, subject))

    def _drop_old(self) -> None:
        while self._oldest_first:
            key, subject = self._oldest_first[0]
            record = self.store.get(EVENTS, *key)
            if record is not None:
                ends = instant(record.obj["lastTimestamp"]) + TIME_TO_LIVE
                if ends > self.clock() and len(self._oldest_first) < MAX_EVENTS:
                    return
                self.store.remove(EVENTS, record)
            self._oldest_first.popleft()
            if self._by_subject.get(subject) == key:
                del self._by_subject[subject]


def _subject(event: Json) -> tuple[str, str, str]:
    return event["involvedObject"]["uid"], event["reason"], event["message"]
