"""A reader of a log gets each repetition of a Kubernetes event once, whatever it sees between."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clients.kubernetes import LogLine, SearchLog
from shared.clients.kubernetes.search_events import ClusterEvent, LabelledJob, event_lines
from shared.clients.kubernetes.search_log import MAX_EVENTS
from tests.triggers.views.test_job_log import page, texts
from triggers.views.log_places import Cursor

JOB = LabelledJob("blastn-1", "uid-1", "blast", frozenset())
AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
KINDS = ("quota of pod blastn-1-abcd{}", "Job was suspended")


def look(events: list[ClusterEvent], cursor: Cursor) -> tuple[list[str], Cursor]:
    """What a reader gets who goes on by the header of an EventSource."""
    lines: list[LogLine] = event_lines(JOB, events, MAX_EVENTS)
    found = page([], SearchLog(tuple(lines), has_pods=True), Cursor.parse(str(cursor)))
    return texts(found), found.cursor


CHANGES = st.sampled_from(["new", "again", "expire"])
STEPS = st.tuples(CHANGES, st.integers(0, 1), st.integers(0, 9), st.booleans())


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=20))
def test_a_look_has_what_happened_since_the_one_before_and_nothing_else(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    """Events are created, counted up and, an hour after the last time, deleted."""
    events: list[ClusterEvent] = []
    cursor, unread = Cursor(), dict[int, int]()
    for version, (change, kind, at, is_followed_by_look) in enumerate(steps, 1):
        if change == "new":
            events.append(happened(kind, version, 1, at))
            unread[kind] = version
        elif change == "again" and events:
            old = events.pop(at % len(events))
            events.append(replace(old, version=version, count=old.count + 1))
            unread[kind_of(old)] = version
        elif change == "expire" and events:
            gone = events.pop(0)
            if unread.get(kind_of(gone)) == gone.version:
                del unread[kind_of(gone)]
        if is_followed_by_look:
            shown, cursor = look(events, cursor)
            assert sorted(map(kind_of_text, shown)) == sorted(unread)
            unread.clear()
    assert look(events, look(events, cursor)[1])[0] == []


def happened(kind: int, version: int, count: int, pod: int) -> ClusterEvent:
    return ClusterEvent(JOB.name, JOB.uid, version, AT, count, KINDS[kind].format(pod))


def kind_of(event: ClusterEvent) -> int:
    return kind_of_text(event.text)


def kind_of_text(text: str) -> int:
    return int("suspended" in text)
