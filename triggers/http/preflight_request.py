"""The body of a pre-flight: a submission that may still lack its program, database or query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Program
from shared.settings import Settings
from triggers.submission.field_aliases import FIRST_NAMES, QUERY, flat
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
    lacks = frozenset(_lacking(body))
    whole = {**_without_empty(body, lacks), **_stand_ins(lacks)}
    if "program" not in lacks:
        return PreflightRequest(examine(whole, settings), lacks)
    tried = (examine({**whole, "program": program.value}, settings) for program in Program)
    return PreflightRequest(_least_wrong(tried), lacks)


def _without_empty(body: Mapping[str, Any], lacks: Iterable[str]) -> dict[str, Any]:
    """The body without the empty fields that say nothing of what it lacks. Of what it does say, an
    empty one stays: a submission is refused that says the same thing in two ways."""
    needed = {first for name in lacks for first in NEEDED[name]}
    empty = {
        name
        for name, value in body.items()
        if not _is_said(value) and FIRST_NAMES.get(name) in needed
    }
    nested = body.get("options")
    given = {name: value for name, value in body.items() if name not in empty}
    if isinstance(nested, dict):  # where an empty field at the top wins over it
        given["options"] = {name: value for name, value in nested.items() if name not in empty}
    return given


def _is_said(value: object) -> bool:
    return value not in (None, "")


def _lacking(body: Mapping[str, Any]) -> list[str]:
    """What neither the request nor each of its searches says, by any of its names."""
    top = flat(body, [])
    items = top.get(SEARCHES)
    searches = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    each = [_said(top) | _said(flat(one, [])) for one in searches] or [_said(top)]
    return [
        name for name, fields in NEEDED.items() if any(said.isdisjoint(fields) for said in each)
    ]


def _said(fields: Fields) -> set[str]:
    """The first names of the fields that say something."""
    return {FIRST_NAMES[name] for name in fields if name in FIRST_NAMES and _is_said(fields[name])}


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
