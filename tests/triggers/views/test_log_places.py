"""How a reader goes on where lines have one time, and where a log loses its first lines."""

import itertools
from collections.abc import Sequence

import pytest

from shared.clients.kubernetes import LogLine, SearchLog
from tests.triggers.views.test_job_log import line, page, texts
from triggers.views.job_log import LogPage
from triggers.views.log_places import Cursor


def look(lines: Sequence[LogLine], cursor: Cursor | None = None) -> LogPage:
    """What a reader gets who goes on by the header of an EventSource."""
    return page([], SearchLog(tuple(lines), has_pods=True), Cursor.parse(str(cursor or Cursor())))


def at(instant: int, text: str) -> LogLine:
    return line(instant, text)


LOGS = {
    "apart": [at(number, str(number)) for number in range(6)],
    "one instant": [at(5, text) for text in "abcdef"],
    "two instants": [at(5, text) for text in "abc"] + [at(6, text) for text in "abc"],
    "an instant in the middle": [at(1, "a"), at(2, "b"), at(2, "c"), at(2, "d"), at(3, "e")],
    "equal lines": [at(5, text) for text in "aabbaa"],
}


@pytest.mark.parametrize("log", LOGS.values(), ids=[*LOGS])
def test_no_line_is_lost_or_shown_twice_where_a_reader_goes_on(log: list[LogLine]) -> None:
    """Wherever the readings are, with all lines or as many as follow the last reading."""
    for reads in itertools.product((False, True), repeat=len(log) - 1):
        ends = [end for end, is_read in enumerate(reads, 1) if is_read] + [len(log)]
        shown: list[str] = []
        cursor = None
        for end in ends:
            found = look(log[:end], cursor)
            shown += texts(found)
            cursor = found.cursor
        assert shown == [each.text for each in log]
        assert texts(look(log, cursor)) == []


@pytest.mark.parametrize("name", [name for name in LOGS if name != "equal lines"])
def test_a_log_that_loses_its_first_lines_goes_on(name: str) -> None:
    """A tail of the log that begins at, before or behind the reader's place."""
    log = LOGS[name]
    for read, end in itertools.combinations(range(1, len(log) + 1), 2):
        cursor = look(log[:read]).cursor
        for start in range(end):
            expected = [each.text for each in log[max(start, read) : end]]
            again = look(log[start:end], cursor)
            assert texts(again) == expected
            assert texts(look(log[start:end], again.cursor)) == []


@pytest.mark.parametrize("log", LOGS.values(), ids=[*LOGS])
def test_a_client_that_begins_anew_drops_what_it_has_by_ids(log: list[LogLine]) -> None:
    """The newest dashboard: each ticket begins at the start, and it drops lines whose id it has."""
    whole = {entry.id: entry.line for entry in look(log).entries}
    assert len(whole) == len(log)
    for end in range(1, len(log)):
        known = {entry.id: entry.line for entry in look(log[:end]).entries}
        assert known.items() <= whole.items()
    if len({(each.position, each.text) for each in log}) == len(log):
        for start in range(len(log)):
            tail = {entry.id: entry.line for entry in look(log[start:]).entries}
            assert tail.items() <= whole.items()


def test_a_redaction_that_changes_does_not_move_a_reader() -> None:
    """What is redacted depends on the lines around; the digest is that of the line itself."""
    first, second = at(5, "ACGT"), at(6, "ACGTACGT")
    before = look([first])
    after = look([first.with_text("[redacted]"), second.with_text("[redacted]")], before.cursor)
    assert texts(after) == ["[redacted]"]
    again = look([first.with_text("[redacted]"), second.with_text("[redacted]")])
    assert again.entries[0].id == before.entries[0].id
