"""Parsing of a pre-flight's body: a submission that can lack its program, database or query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Program
from shared.settings import Settings
from triggers.submission.field_aliases import CANONICAL_NAMES, QUERY, flatten, to_canonical_names
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
    given = {name: value for name, value in body.items() if not _is_empty(name, value)}
    lacks = frozenset(_missing(given))
    completed = {**given, **_placeholders(lacks)}
    if "program" not in lacks:
        return PreflightRequest(parse_with_faults(completed, settings), lacks)
    results = (
        parse_with_faults({**completed, "program": program.value}, settings) for program in Program
    )
    return PreflightRequest(_fewest_faults(results), lacks)


def _is_empty(name: str, value: object) -> bool:
    required = {field for fields in REQUIRED.values() for field in fields}
    return value in (None, "") and CANONICAL_NAMES.get(name) in required


def _missing(body: Mapping[str, Any]) -> list[str]:
    """List the keys of REQUIRED that the body lacks, or that one of its searches lacks."""
    shared_fields = to_canonical_names(flatten(body, []))
    items = shared_fields.get(SEARCHES)
    searches = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    item_fields = [to_canonical_names(flatten(search, [])) for search in searches] or [{}]
    return [
        name
        for name, fields in REQUIRED.items()
        if not all(_has_any({**shared_fields, **own}, fields) for own in item_fields)
    ]


def _has_any(fields: Fields, names: Iterable[str]) -> bool:
    return any(fields.get(name) not in (None, "") for name in names)


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
