"""The body of a pre-flight: a submission that may still lack its program, database or query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Program
from shared.settings import Settings
from triggers.submission.field_aliases import FIRST_NAMES, QUERY, first_names, flat
from triggers.submission.parse import SEARCHES, Examined, Submission, examine
from triggers.submission.search_fields import Fields

NEEDED: Mapping[str, tuple[str, ...]] = {
    "program": ("program",),
    "db": ("db",),
    "query": QUERY,
}
"""What a submission needs, by the first names of the fields that can say it."""
STAND_INS = {"db": "unknown", "query": ">unknown\nM"}


@dataclass(frozen=True)
class PreflightRequest:
    """A search as far as it is planned, checked as a submission is.

    The check puts stand-ins in the place of what the body lacks; where that is the program, it is
    the one with the fewest faults. So a plan that has faults is refused whatever is added to it.
    """

    examined: Examined
    lacks: frozenset[str]
    """The keys of NEEDED that the body does not say."""

    @property
    def submission(self) -> Submission | None:
        return self.examined.submission


def parse_preflight(body: Mapping[str, Any], settings: Settings) -> PreflightRequest:
    """The plan in a body. An empty program, database or query counts as not there.

    Raises TooLarge.
    """
    given = {name: value for name, value in body.items() if not _is_empty(name, value)}
    lacks = frozenset(_lacking(given))
    whole = {**given, **_stand_ins(lacks)}
    if "program" not in lacks:
        return PreflightRequest(examine(whole, settings), lacks)
    tried = (examine({**whole, "program": program.value}, settings) for program in Program)
    return PreflightRequest(_least_wrong(tried), lacks)


def _is_empty(name: str, value: object) -> bool:
    needed = {first for names in NEEDED.values() for first in names}
    return value in (None, "") and FIRST_NAMES.get(name) in needed


def _lacking(body: Mapping[str, Any]) -> list[str]:
    """What neither the request nor each of its searches says."""
    top = first_names(flat(body, []))
    items = top.get(SEARCHES)
    searches = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    each = [first_names(flat(one, [])) for one in searches] or [{}]
    return [
        name
        for name, fields in NEEDED.items()
        if not all(_says({**top, **one}, fields) for one in each)
    ]


def _says(fields: Fields, names: Iterable[str]) -> bool:
    return any(fields.get(name) not in (None, "") for name in names)


def _stand_ins(lacks: Iterable[str]) -> dict[str, str]:
    return {NEEDED[name][0]: STAND_INS[name] for name in lacks if name in STAND_INS}


def _least_wrong(found: Iterable[Examined]) -> Examined:
    """The first without faults, or else with the fewest: what is wrong for every program."""
    best: Examined | None = None
    for one in found:
        if best is None or len(one.faults) < len(best.faults):
            best = one
        if not best.faults:
            break
    assert best is not None  # there is at least one program
    return best
