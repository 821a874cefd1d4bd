"""The tables of docs/operations.md are complete: they have what the code can log and store."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.support.source_names import job_codes, log_events, raised_codes

DOCS = Path(__file__).parents[1] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()

NOT_SEEN = {
    "not_allowed": "the table of transitions forbids it: a bug, and no answer to a request",
    "sidecar_refused": "a part of a job's reason, and of a readiness check's text, as a sentence",
    "sidecar_unavailable": "the same",
}
"""Codes of errors that neither a client nor a job has, with the reason."""


def test_every_code_of_a_job_is_explained() -> None:
    explained = {name.replace("<n>", "") for name in _names(OPERATIONS, "`error_code`")}
    codes = job_codes()
    assert {code for code in codes if not _is_in(code, explained)} == set()
    assert {name for name in explained if not _is_in(name, codes)} == set()


def test_every_code_of_an_error_is_explained() -> None:
    pages = [(DOCS / name).read_text() for name in ("api.md", "queue.md", "operations.md")]
    explained = {name for page in pages for line in _rows(page) for name in _quoted(line)}
    assert raised_codes() - explained == set(NOT_SEEN)


def test_every_event_of_the_log_is_explained() -> None:
    explained = set(_names(OPERATIONS, "log line, event"))
    # The redacting filter writes this one in place of a message.
    assert explained == log_events() | {"log_message_invalid"}


@pytest.mark.parametrize("names", [job_codes(), log_events(), raised_codes()], ids=len)
def test_the_reader_finds_names(names: Collection[str]) -> None:
    assert len(names) > 25


def _is_in(name: str, names: Collection[str]) -> bool:
    """Whether the name is there, or its prefix that a number follows."""
    return name in names or f"{name.rpartition('_')[0]}_" in names


def _names(page: str, title: str) -> Iterator[str]:
    """The names in the first cells of the table whose first column has this title."""
    _, _, rest = page.partition(f"\n| {title} |")
    assert rest, title
    for line in rest.partition("\n\n")[0].splitlines()[2:]:
        yield from _quoted(line.split("|")[1])


def _rows(page: str) -> Iterator[str]:
    return (line for line in page.splitlines() if line.startswith("| "))


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+(?:<n>|\d+)?)`", text)
