"""The names by which a request says things: old and new ones, at the top or in `options`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel

from shared.errors import Fault
from triggers.submission.blast_options import SearchOptions
from triggers.submission.search_fields import (
    Fields,
    PlacementFields,
    ProgramFields,
    RequestFields,
    SizingFields,
)

QUERY = ("query_data", "query_blob_url")
"""The first names of where a query comes from."""


def flat(body: Mapping[str, Any], faults: list[Fault], at: str = "") -> dict[str, Any]:
    """The body with `options {}` merged in; what stands at the top wins. Nulls are left out.

    Names of one field that say different things are faults, as is an `options` of another kind;
    `at` is where the body stands in the request.
    """
    nested = body.get("options")
    if not (nested is None or isinstance(nested, dict)):
        faults.append(Fault(f"{at}options", "must be an object"))
    merged = {**(nested if isinstance(nested, dict) else {}), **body}
    merged.pop("options", None)
    fields = {name: value for name, value in merged.items() if value is not None}
    faults += _contradictions(fields, at)
    return fields


def first_names(fields: Fields) -> Fields:
    """The same by the first name of each field, so that one can be laid over another."""
    renamed = {FIRST_NAMES[name]: value for name, value in fields.items() if name in FIRST_NAMES}
    return {**{name: v for name, v in fields.items() if name not in FIRST_NAMES}, **renamed}


def unknown(fields: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each name that nobody reads."""
    names = sorted(set(fields) - set(FIRST_NAMES))
    return tuple(f"{name} is not known and was ignored" for name in names)


def _contradictions(fields: Fields, at: str) -> Iterator[Fault]:
    said: dict[str, str] = {}
    for name in filter(FIRST_NAMES.__contains__, fields):
        first = FIRST_NAMES[name]
        other = said.setdefault(first, name)
        if fields[name] != fields[other]:
            code = "conflicting_query_sources" if first in QUERY else "validation_error"
            both = " and ".join(sorted((name, other)))
            yield Fault(f"{at}{first}", f"{both} say different things", code)


def _named_by(model: type[BaseModel]) -> dict[str, str]:
    """Each name that a part reads, and the first name of the same field."""
    named: dict[str, str] = {}
    for name, field in model.model_fields.items():
        aliases = field.validation_alias
        choices = aliases.choices if isinstance(aliases, AliasChoices) else [name]
        named |= {str(alias): str(choices[0]) for alias in choices}
    return named


FIRST_NAMES: Mapping[str, str] = {
    name: first
    for part in (ProgramFields, PlacementFields, SizingFields, SearchOptions, RequestFields)
    for name, first in _named_by(part).items()
}
"""Every name that is known, and the first name of the same field."""

OF_THE_REQUEST = frozenset({*_named_by(PlacementFields), *_named_by(RequestFields)})
"""The names of what is said once for a whole request."""
