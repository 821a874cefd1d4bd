"""Kubernetes events of a search's pods and Jobs, as lines of its log. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from shared.clients.kubernetes.labels import searches_of_containers
from shared.clients.kubernetes.pod_log import LogLine, digest_of

OF_PODS = ("SuccessfulCreate", "SuccessfulDelete", "Completed")
"""Reasons of a Job's events that say no more than its pods do; there is one for each pod."""
EVENTS_OF_JOBS = ",".join(["involvedObject.kind=Job", *(f"reason!={each}" for each in OF_PODS)])
"""The field selector of the others: quota refusals, suspensions, Jobs that have failed."""


class EventSubject(Protocol):
    """A pod or Job that an event is about."""

    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def app(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LabelledJob:
    """A Job whose events are read."""

    name: str
    uid: str
    app: str
    searches: frozenset[str]
    """The ids of searches in the environment of its containers."""


def parse_labelled_job(job: Any) -> LabelledJob:
    meta = job["metadata"]
    searches = searches_of_containers(job["spec"]["template"]["spec"])
    return LabelledJob(meta["name"], meta["uid"], meta["labels"]["app"], searches)


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """An event. `version` grows with each repetition, and orders all events of a cluster."""

    subject: str
    """The name of the object that it is about."""
    subject_uid: str
    version: int
    at: datetime
    count: int
    text: str


def parse_event(event: Any) -> ClusterEvent:
    meta, about = event["metadata"], event.get("involvedObject") or {}
    version = str(meta.get("resourceVersion") or "")
    series = event.get("series") or {}  # how newer components count
    stamps = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    stamp = next(filter(None, (*stamps, meta.get("creationTimestamp"))), None)
    text = f"{event.get('reason') or 'Event'}: {event.get('message') or ''}".strip(": ")
    return ClusterEvent(
        subject=about.get("name") or "",
        subject_uid=about.get("uid") or "",
        version=int(version) if version.isdecimal() else 0,
        at=datetime.fromisoformat(stamp) if stamp else datetime.now(UTC),
        count=series.get("count") or event.get("count") or 1,
        text=" ".join(text.splitlines()),
    )


def event_lines(subject: EventSubject, events: Iterable[ClusterEvent], most: int) -> list[LogLine]:
    """The newest `most` different events about a pod or Job, oldest first.

    The API lists by name, and times have whole seconds: versions have the order. A Job that cannot
    create a pod has an event for each try, with another made-up name of a pod: they are one line.
    """
    made_up_name = re.compile(rf"\b{re.escape(subject.name)}-[a-z0-9]{{5}}\b")
    latest: dict[str, ClusterEvent] = {}
    counts: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.version):
        kind = made_up_name.sub(subject.name, event.text)
        counts[kind] = counts.get(kind, 0) + event.count
        latest.pop(kind, None)
        latest[kind] = event
    newest = [*latest.items()][-most:]
    return [_line(subject, event, counts[kind]) for kind, event in newest]


def _line(subject: EventSubject, event: ClusterEvent, count: int) -> LogLine:
    text = f"{event.text} ({count} times)" if count > 1 else event.text
    return LogLine(
        source=f"{subject.uid}/events",
        position=event.version,
        at=event.at,
        app=subject.app,
        pod=subject.name,
        container="",
        text=text,
        digest=digest_of(event.text),  # the count falls when an earlier event is deleted
    )
