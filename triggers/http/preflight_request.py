"""Parsing of a pre-flight's body: a submission that can lack its program, database or query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Program
from shared.settings import Settings
from triggers.submission.field_aliases import CANONICAL_NAMES, QUERY, flatten
from triggers.submission.parse import SEARCHES, ParseResult, Submission, parse_with_faults
from triggers.submission.search_fields import Fields

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "program": ("program",),
    "db": ("db",),
    "query": QUERY,
}
"""What a submission requires: program, database and query, by the fields that can give each."""
PLACEHOLDERS = {"db": "unknown", "query": ">unknown\nM"}


@dataclass(frozen=True)
class PreflightRequest:
    """A planned search, parsed like a submission.

    Placeholders replace what the body lacks; a missing program is replaced by the one with the
    fewest faults. So the faults of a plan do not disappear when the missing fields are added.
    """

    result: ParseResult
    lacks: frozenset[str]
    """The keys of REQUIRED that the body lacks."""

    @property
    def submission(self) -> Submission | None:
        return self.result.submission


def parse_preflight(body: Mapping[str, Any], settings: Settings) -> PreflightRequest:
    """Parse a body; an empty program, database or query counts as missing. Raises TooLarge."""
    lacks = frozenset(_missing(body))
    completed = {**_without_empty(body, lacks), **_placeholders(lacks)}
    if "program" not in lacks:
        return PreflightRequest(parse_with_faults(completed, settings), lacks)
    results = (
        parse_with_faults({**completed, "program": program.value}, settings) for program in Program
    )
    return PreflightRequest(_fewest_faults(results), lacks)


def _without_empty(body: Mapping[str, Any], lacks: Iterable[str]) -> dict[str, Any]:
    """The body without the empty fields of what it lacks.

    An empty field beside one with a value stays: a submission with both is refused.
    """
    required = {field for name in lacks for field in REQUIRED[name]}
    empty = {
        name
        for name, value in body.items()
        if not _has_value(value) and CANONICAL_NAMES.get(name) in required
    }
    nested = body.get("options")
    given = {name: value for name, value in body.items() if name not in empty}
    if isinstance(nested, dict):  # an empty text at the top hides it
        given["options"] = {name: value for name, value in nested.items() if name not in empty}
    return given


def _has_value(value: object) -> bool:
    return value not in (None, "")


def _missing(body: Mapping[str, Any]) -> list[str]:
    """The keys of REQUIRED that the body, or one of its searches, has by none of their names."""
    shared_fields = flatten(body, [])
    items = shared_fields.get(SEARCHES)
    searches = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    present = [_present(shared_fields) | _present(flatten(search, [])) for search in searches]
    return [
        name
        for name, fields in REQUIRED.items()
        if any(names.isdisjoint(fields) for names in present or [_present(shared_fields)])
    ]


def _present(fields: Fields) -> set[str]:
    """The canonical names of the fields that have a value."""
    return {
        CANONICAL_NAMES[name]
        for name in fields
        if name in CANONICAL_NAMES and _has_value(fields[name])
    }


def _placeholders(lacks: Iterable[str]) -> dict[str, str]:
    return {REQUIRED[name][0]: PLACEHOLDERS[name] for name in lacks if name in PLACEHOLDERS}


def _fewest_faults(results: Iterable[ParseResult]) -> ParseResult:
    """Return the first result without faults, or the one with the fewest."""
    best: ParseResult | None = None
    for result in results:
        if best is None or len(result.faults) < len(best.faults):
            best = result
        if not best.faults:
            break
    assert best is not None  # Program has at least one member
    return best
