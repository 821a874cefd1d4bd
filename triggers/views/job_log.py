"""A job's log: its history, and what its pods have written, as one bounded list. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.clients.kubernetes import LogLine, SearchLog
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from triggers.schemas.dashboard import LogEntry
from triggers.views.progress import step_of, steps

MAX_LINES = 500
"""As many lines as the dashboard keeps."""
_CUT = "(earlier lines are not shown: there are more than a response has)"
MAX_LENGTH = 1000
"""Characters of a line; a longer one ends with an ellipsis."""
MAX_SOURCES = 64
_CURSOR = re.compile(r"([0-9]{1,8})((?:\.[0-9a-f]{8}-[0-9a-f]{1,16}){0,64})")
_STEPS = {
    "setup": "submitting",
    "submit": "submitting",
    "blast": "running",
    "finalizer": "exporting_results",
}
"""The step of the dashboard to which the pods with this label `app` belong."""
_NO_PODS = (
    "The cluster has no pod of this search now. Kubernetes deletes pods with their Jobs, some time"
    " after these have ended."
)


@dataclass(frozen=True)
class Cursor:
    """What a reader has got: events up to `sequence`, and lines up to a position of each source."""

    sequence: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def parse(text: str) -> "Cursor":
        """The cursor in a Last-Event-ID; any other text asks for the log from its start."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            return Cursor()
        pairs = (part.split("-") for part in match[2].split(".")[1:])
        return Cursor(int(match[1]), {key: int(position, 16) for key, position in pairs})

    def __str__(self) -> str:
        pairs = (f".{key}-{position:x}" for key, position in self.positions.items())
        return str(self.sequence) + "".join(pairs)


@dataclass(frozen=True)
class _Part:
    """An entry of the log with what places it in the list, and in its source."""

    at: datetime
    key: str
    """Of its source; empty for the history."""
    position: int
    entry: LogEntry


@dataclass(frozen=True)
class LogPage:
    """The entries that a reader has not got, oldest first, and where it goes on."""

    entries: tuple[LogEntry, ...]
    cursor: Cursor


def has_pods(job: Job) -> bool:
    """Whether the cluster can have pods of the job's current attempt."""
    is_waiting = job.phase in (Phase.WAITING_FOR_SUBMIT_SLOT, Phase.WAITING_FOR_CAPACITY)
    return Phase.SUBMITTING in job.phase_entered_at and not (job.child_count or is_waiting)


def notices_of(job: Job, search_log: SearchLog) -> list[str]:
    """Sentences about lines that the log does not have."""
    notices = [notice[:1].upper() + notice[1:] for notice in search_log.notices]
    has_been_submitted = {Phase.SUBMITTED, Phase.RUNNING} & {*job.phase_entered_at}
    if search_log.has_pods is False and has_been_submitted:
        notices.append(_NO_PODS)
    return notices


def page_of(
    job: Job,
    events: list[Event],
    search_log: SearchLog,
    cursor: Cursor,
    now: datetime,
    most: int = MAX_LINES,
) -> LogPage:
    """The newest `most` entries after the cursor, or MAX_LINES with a notice if there are more.

    `events` are the newest of those after its sequence.
    """
    sources = {line.source for line in search_log.lines}
    keys = {source: _digest(source) for source in sources}
    last_step = [*steps(job)][-1]
    parts = [*_history(events, last_step), *_lines(job, search_log.lines, keys, cursor)]
    parts.extend(_notices(job, notices_of(job, search_log), last_step, now))
    new = [part for part in parts if part.position > cursor.positions.get(part.key, -1)]
    new.sort(key=lambda part: part.at)
    shown = [part.entry for part in new[-min(most, MAX_LINES - 1) :]]
    if len(shown) < len(new) or (events and events[0].sequence > cursor.sequence + 1):
        shown.insert(0, _cut_notice(shown[0], cursor))
    return LogPage(
        tuple(shown),
        Cursor(
            max([cursor.sequence, *(event.sequence for event in events)]),
            _positions(cursor, parts),
        ),
    )


def _cut_notice(first: LogEntry, cursor: Cursor) -> LogEntry:
    """Its id is the reader's place, so that a reader that has none gets it once."""
    return _own_entry(f"after-{_digest(str(cursor))}", first.job_id, first.phase, _CUT, first.ts)


def _positions(cursor: Cursor, parts: list[_Part]) -> dict[str, int]:
    """The positions after these parts. Sources that are not among them keep theirs, while there is
    room: a pod can be left out of one list and be in the next."""
    latest: dict[str, int] = {}
    for part in parts:
        if part.key:
            latest[part.key] = max(part.position, latest.get(part.key, -1))
    kept = {key: position for key, position in cursor.positions.items() if key not in latest}
    return dict([*latest.items(), *kept.items()][:MAX_SOURCES])


def _history(events: Iterable[Event], step: str) -> Iterator[_Part]:
    for event in events:
        step = step_of(event.phase) or step
        payload = event.payload
        about = payload.get("error") or payload.get("reason") or payload.get("error_code") or ""
        line = f"{event.event.replace('_', ' ')} {about}".strip()
        entry = _own_entry(
            str(event.sequence), event.job_id, step, line, event.at, event.phase.value
        )
        yield _Part(event.at, "", event.sequence, entry)


def _lines(
    job: Job, lines: Iterable[LogLine], keys: Mapping[str, str], cursor: Cursor
) -> Iterator[_Part]:
    for line in lines:
        key = keys[line.source]
        # As that of `_cut_notice`: with each look, the place before a gap is another one.
        place = f"after-{cursor.positions.get(key, 0):x}" if line.is_gap else f"{line.position:x}"
        entry = LogEntry(
            id=f"{key}-{place}",
            schema_version=1,
            job_id=job.job_id,
            source="k8s",
            phase=_STEPS.get(line.app, "running"),
            pod=line.pod,
            container=line.container or None,
            line=_cut(line.text),
            ts=line.at,
        )
        yield _Part(line.at, key, line.position, entry)


def _notices(job: Job, notices: list[str], step: str, now: datetime) -> Iterator[_Part]:
    """Each sentence is a source of its own, so that a reader gets it once."""
    for notice in notices:
        key = _digest(notice)
        yield _Part(now, key, 0, _own_entry(f"{key}-0", job.job_id, step, notice, now))


def _own_entry(
    entry_id: str, job_id: str, step: str, text: str, at: datetime, exact_phase: str | None = None
) -> LogEntry:
    """A line that the app itself has written, not a pod."""
    return LogEntry(
        id=entry_id,
        schema_version=1,
        job_id=job_id,
        source="control_plane",
        phase=step,
        exact_phase=exact_phase,
        line=_cut(text),
        ts=at,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
