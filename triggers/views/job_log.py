"""A job's log: its history, and what its pods have written, as one bounded list. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.clients.kubernetes import LogLine, SearchLog, digest_of
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from triggers.schemas.dashboard import LogEntry
from triggers.views.log_places import Cursor, LogPlace
from triggers.views.progress import step_of, steps

MAX_LINES = 500
"""As many lines as the dashboard keeps."""
_CUT = "(earlier lines are not shown: there are more than a response has)"
MAX_LENGTH = 1000
"""Characters of a line; a longer one ends with an ellipsis."""
_STEPS = {
    "setup": "submitting",
    "submit": "submitting",
    "blast": "running",
    "finalizer": "exporting_results",
}
"""The step of the dashboard to which the pods with this label `app` belong."""
_NO_PODS = (
    "The cluster has no pod of this search now. Kubernetes creates pods for Jobs, and deletes both"
    " some time after they have ended."
)


@dataclass(frozen=True)
class _Part:
    """An entry of the log, and its time."""

    at: datetime
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
    last_step = [*steps(job)][-1]
    sources = defaultdict[str, list[LogLine]](list)
    for line in search_log.lines:
        sources[digest_of(line.source)].append(line)
    notices = {digest_of(notice): notice for notice in notices_of(job, search_log)}
    new = [*_history(events, last_step)]
    for key, lines in sources.items():
        new.extend(_unread(job, key, lines, cursor.places.get(key)))
    for key, notice in notices.items():
        # Each sentence is a source of its own, so that a reader gets it once.
        if key not in cursor.places:
            new.append(_Part(now, _own_entry(f"{key}-0", job.job_id, last_step, notice, now)))
    new.sort(key=lambda part: part.at)
    shown = [part.entry for part in new[-min(most, MAX_LINES - 1) :]]
    if len(shown) < len(new) or (events and events[0].sequence > cursor.sequence + 1):
        shown.insert(0, _cut_notice(shown[0], cursor))
    places = {
        key: LogPlace.after([line for line in lines if not line.is_gap], cursor.places.get(key))
        for key, lines in sources.items()
    }
    places |= dict.fromkeys(notices, LogPlace(0))
    return LogPage(tuple(shown), cursor.moved((event.sequence for event in events), places))


def _cut_notice(first: LogEntry, cursor: Cursor) -> LogEntry:
    """Its id is the reader's place, so that a reader that has none gets it once."""
    return _own_entry(f"after-{digest_of(str(cursor))}", first.job_id, first.phase, _CUT, first.ts)


def _history(events: Iterable[Event], step: str) -> Iterator[_Part]:
    for event in events:
        step = step_of(event.phase) or step
        payload = event.payload
        about = payload.get("error") or payload.get("reason") or payload.get("error_code") or ""
        line = f"{event.event.replace('_', ' ')} {about}".strip()
        entry = _own_entry(
            str(event.sequence), event.job_id, step, line, event.at, event.phase.value
        )
        yield _Part(event.at, entry)


def _unread(
    job: Job, key: str, lines: Sequence[LogLine], place: LogPlace | None
) -> Iterator[_Part]:
    """The lines of a source that a reader at the place has not got."""
    written = [line for line in lines if not line.is_gap]
    unread = place.unread(written) if place else written
    read = len(written) - len(unread)
    for line in lines:
        if line.is_gap and not read:
            # As that of `_cut_notice`: with each look, the place before a gap is another one.
            after = f"{key}-after-{place.position if place else 0:x}"
            yield _Part(line.at, _pod_entry(job, after, line))
    for line_id, line in zip(_ids(key, written)[read:], unread, strict=True):
        yield _Part(line.at, _pod_entry(job, line_id, line))


def _ids(key: str, lines: Sequence[LogLine]) -> list[str]:
    """The ids of a source's lines: equal in each look, also without the lines before them."""
    ids, repeats = [], Counter[str]()
    for line in lines:
        line_id = f"{key}-{line.position:x}-{line.digest}"
        repeats[line_id] += 1
        ids.append(line_id if repeats[line_id] == 1 else f"{line_id}-{repeats[line_id]}")
    return ids


def _pod_entry(job: Job, entry_id: str, line: LogLine) -> LogEntry:
    return LogEntry(
        id=entry_id,
        schema_version=1,
        job_id=job.job_id,
        source="k8s",
        phase=_STEPS.get(line.app, "running"),
        pod=line.pod,
        container=line.container or None,
        line=_cut(line.text),
        ts=line.at,
    )


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


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
