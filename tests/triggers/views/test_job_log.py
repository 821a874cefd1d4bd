"""A job's log as one list: its order, its limits, and how a reader goes on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import LogLine, SearchLog, digest_of
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from tests.support.samples import NOON, job
from triggers.views.job_log import (
    MAX_LENGTH,
    MAX_LINES,
    LogPage,
    has_pods,
    page_of,
)
from triggers.views.log_places import MAX_SOURCES, Cursor

ENTERED = dict.fromkeys((Phase.QUEUED, Phase.SUBMITTING, Phase.RUNNING), NOON)
NOTHING = SearchLog(has_pods=True)


CLIENT_STEPS = {
    *("preparing", "warming_up", "configuring", "staging_db", "submitting", "running"),
    *("exporting_results", "completed"),
}
"""The only steps under which the newest dashboard shows a line: eecc315f,
components/BlastStepTimeline/constants.ts:19 and StepLogSection.tsx:107."""
CLIENT_FIELDS = {"id", "job_id", "source", "phase", "pod", "container", "line", "ts"}
"""What it reads of a line: eecc315f, hooks/useBlastJobLogStream.ts:5, StepLogSection.tsx:53."""


def running_job(**changes: Any) -> Job:
    return job(phase=Phase.RUNNING, phase_entered_at=ENTERED, **changes)


def event(sequence: int, name: str = "progress", phase: Phase = Phase.RUNNING) -> Event:
    at = NOON + timedelta(seconds=sequence)
    return Event(running_job().job_id, sequence, name, at, phase, {})


def line(second: float, text: str = "text", source: str = "pod/blast", **changes: Any) -> LogLine:
    fields = {"app": "blast", "pod": "pod", "container": "blast"} | changes
    at = NOON + timedelta(seconds=second)
    return LogLine(source, int(second * 10**9), at, text=text, digest=digest_of(text), **fields)


def page(
    events: list[Event], search_log: SearchLog = NOTHING, cursor: Cursor | None = None
) -> LogPage:
    return page_of(running_job(), events, search_log, cursor or Cursor(), NOON)


def texts(shown: LogPage) -> list[str]:
    return [entry.line for entry in shown.entries]


def test_history_and_pods_are_in_the_order_of_time() -> None:
    search_log = SearchLog((line(2.5, "late"), line(0.5, "early", "pod/import")), has_pods=True)
    shown = page([event(1, "first"), event(2, "second"), event(3, "third")], search_log)
    assert texts(shown) == ["early", "first", "second", "late", "third"]


def test_a_line_is_shown_under_the_step_that_its_pod_takes() -> None:
    lines = [line(n, app=app) for n, app in enumerate(("setup", "submit", "blast", "finalizer"))]
    steps = [entry.phase for entry in page([], SearchLog(tuple(lines), has_pods=True)).entries]
    assert steps == ["submitting", "submitting", "running", "exporting_results"]
    phases = [Phase.QUEUED, Phase.WAITING_FOR_CAPACITY, Phase.RUNNING, Phase.CANCELLING]
    history = page([event(number, phase=phase) for number, phase in enumerate(phases, 1)])
    assert [entry.phase for entry in history.entries] == [
        *("preparing", "submitting", "running", "running")
    ]
    assert history.entries[-1].exact_phase == "cancelling"


@pytest.mark.parametrize("phase", [*Phase], ids=str)
def test_the_dashboard_shows_the_lines_of_each_phase(phase: Phase) -> None:
    shown = page([event(1, phase=phase)], SearchLog((line(2),), has_pods=True))
    assert {entry.phase for entry in shown.entries} <= CLIENT_STEPS
    fields = {name for entry in shown.entries for name in entry.model_dump(exclude_none=True)}
    assert fields >= CLIENT_FIELDS
    assert all(entry.line for entry in shown.entries)


def test_a_reader_goes_on_after_the_last_line_of_each_source() -> None:
    """Also where a line of one source is written before one that another source has shown."""
    first = SearchLog((line(5, "a"), line(6, "b", "pod/import")), has_pods=True)
    cursor = Cursor.parse(str(page([event(1)], first).cursor))
    later = SearchLog((*first.lines, line(5.5, "c"), line(6.5, "d", "new/blast")), has_pods=True)
    assert texts(page([event(2)], later, cursor)) == ["progress", "c", "d"]
    assert texts(page([], later, page([], later, cursor).cursor)) == []


def test_a_source_that_is_missing_from_one_look_keeps_its_place() -> None:
    whole = SearchLog((line(5, "a"),), has_pods=True)
    cursor = page([], whole).cursor
    away = page([], SearchLog(notices=("away",)), cursor)
    assert texts(away) == ["Away"]
    assert texts(page([], whole, away.cursor)) == []


def test_a_notice_is_sent_once_to_a_reader_and_has_one_id() -> None:
    away = SearchLog(notices=("the cluster is away",))
    first = page([], away)
    assert [(entry.source, entry.pod) for entry in first.entries] == [("control_plane", None)]
    assert [entry.id for entry in page([], away).entries] == [first.entries[0].id]
    assert texts(page([], away, first.cursor)) == []


@pytest.mark.parametrize(
    ("phase", "search_log", "is_said"),
    [
        (Phase.RUNNING, SearchLog(has_pods=False), True),
        (Phase.RUNNING, SearchLog(has_pods=True), False),
        (Phase.RUNNING, SearchLog(has_pods=None), False),
        (Phase.SUBMITTING, SearchLog(has_pods=False), False),
    ],
    ids=["gone", "there", "unknown", "not-yet"],
)
def test_pods_that_are_gone_are_explained(
    phase: Phase, search_log: SearchLog, is_said: bool
) -> None:
    entered = {known: at for known, at in ENTERED.items() if known in (phase, Phase.SUBMITTING)}
    stored = job(phase=phase, phase_entered_at=entered)
    shown = page_of(stored, [], search_log, Cursor(), NOON)
    assert any("no pod of this search" in text for text in texts(shown)) is is_said


def test_a_page_has_the_newest_lines_and_short_ones() -> None:
    lines = tuple(line(second, str(second)) for second in range(2 * MAX_LINES))
    shown = page([event(1)], SearchLog((*lines, line(5000, "x" * 5000)), has_pods=True))
    assert len(shown.entries) == MAX_LINES
    assert texts(shown)[0].startswith("(earlier lines are not shown")
    assert texts(shown)[-3:-1] == ["998", "999"]
    assert texts(shown)[-1] == "x" * (MAX_LENGTH - 1) + "…"


def test_lines_that_a_reader_missed_are_marked() -> None:
    """Once to a reader that has no place: the dashboard drops lines whose id it has."""
    gap = line(21, "gap", is_gap=True)
    look = SearchLog((gap, line(21, "b")), has_pods=True)
    first = page([], SearchLog((line(10, "a"),), has_pods=True)).cursor
    behind = page([], look, first)
    assert texts(behind) == ["gap", "b"]
    assert texts(page([], look, behind.cursor)) == []
    up_to_date = page([], SearchLog((line(21, "b"),), has_pods=True)).cursor
    assert texts(page([], look, up_to_date)) == []
    later = SearchLog((replace(gap, position=gap.position + 5), line(22, "c")), has_pods=True)
    assert page([], later).entries[0].id == page([], look).entries[0].id != behind.entries[0].id


def test_a_cursor_has_a_limit_and_fits_a_header() -> None:
    lines = tuple(line(1.5, source=f"pod-{number}/blast") for number in range(200))
    cursor = page([event(1)], SearchLog(lines, has_pods=True)).cursor
    assert len(cursor.places) == MAX_SOURCES
    assert len(str(cursor)) < 3000
    assert Cursor.parse(str(cursor)) == cursor


PLACE = ".12345678-1-1-12345678"


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "1.x", "-1", "123456789", f"1{PLACE.replace('12345678-1', 'abcdefgh-1')}"),
        *("1" + PLACE * 65, "1.12345678-1-1", "1.12345678--1-12345678", "1.12345678-1"),
    ],
    ids=[
        *("empty", "word", "broken", "negative", "long", "no-hex"),
        *("many", "no-digest", "no-position", "earlier-version"),
    ],
)
def test_another_last_event_id_asks_for_the_whole_log(text: str) -> None:
    assert Cursor.parse(text) == Cursor()


def test_a_cluster_is_read_only_for_a_search_that_can_have_pods() -> None:
    assert has_pods(running_job())
    assert not has_pods(job(phase=Phase.QUEUED))
    assert not has_pods(running_job(child_count=2))
    assert not has_pods(replace(running_job(), phase=Phase.WAITING_FOR_CAPACITY))
