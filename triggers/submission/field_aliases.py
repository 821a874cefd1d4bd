"""Aliases of request fields: old and new names, at the top of the body or in `options`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel

from shared.errors import Fault
from triggers.submission.blast_options import SearchOptions
from triggers.submission.field_groups import (
    PlacementFields,
    ProgramFields,
    RequestFields,
    SizingFields,
)
from triggers.submission.search_fields import (
    Fields,
)

QUERY = ("query_data", "query_blob_url")
"""Canonical names of the fields that give a query."""


def flatten(body: Mapping[str, Any], faults: list[Fault], at: str = "") -> dict[str, Any]:
    """Merge `options` into the body. A null counts as absent, at the top and in `options`.

    Appends a fault if `options` is not an object, and for a field with two different values: under
    two of its names, or at the top and in `options`. `at` is the path prefix of the body in the
    request.
    """
    nested = body.get("options")
    if not (nested is None or isinstance(nested, dict)):
        faults.append(Fault(f"{at}options", "must be an object"))
    options = _without_nulls(nested if isinstance(nested, dict) else {})
    fields = _without_nulls({name: body[name] for name in body if name != "options"})
    faults += _contradictions([*options.items(), *fields.items()], at)
    return {**options, **fields}


def to_canonical_names(fields: Fields) -> Fields:
    """Rename aliases to canonical names; unknown names stay."""
    renamed = {
        CANONICAL_NAMES[name]: value for name, value in fields.items() if name in CANONICAL_NAMES
    }
    unknown = {name: value for name, value in fields.items() if name not in CANONICAL_NAMES}
    return {**unknown, **renamed}


def unknown_name_warnings(names: Iterable[str]) -> tuple[str, ...]:
    """Return one warning for each name that no field has."""
    unknown = sorted(set(names) - set(CANONICAL_NAMES))
    return tuple(f"{name} is an unknown field and is ignored" for name in unknown)


def _without_nulls(fields: Fields) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _contradictions(fields: Iterable[tuple[str, Any]], at: str) -> Iterator[Fault]:
    """Yield a fault for each field that has two different values."""
    first_by_name: dict[str, tuple[str, Any]] = {}
    for name, value in fields:
        canonical = CANONICAL_NAMES.get(name)
        if canonical is None:
            continue
        other, other_value = first_by_name.setdefault(canonical, (name, value))
        if value is not other_value and value != other_value:  # NaN differs from itself
            code = "conflicting_query_sources" if canonical in QUERY else "validation_error"
            yield Fault(f"{at}{canonical}", f"{_both(name, other)}: send one of them", code)


def _both(name: str, other: str) -> str:
    if name == other:
        return f"{name} and options.{name} have different values"
    first, second = sorted((name, other))
    return f"{first} and {second} are the same field and have different values"


def _aliases(model: type[BaseModel]) -> dict[str, str]:
    """Map each name that a model reads to the canonical name of its field."""
    canonical_by_alias: dict[str, str] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [name]
        canonical_by_alias |= {str(choice): str(choices[0]) for choice in choices}
    return canonical_by_alias


CANONICAL_NAMES: Mapping[str, str] = {
    name: canonical
    for model in (ProgramFields, PlacementFields, SizingFields, SearchOptions, RequestFields)
    for name, canonical in _aliases(model).items()
}
"""Every known field name and its canonical name."""

REQUEST_LEVEL_NAMES = frozenset({*_aliases(PlacementFields), *_aliases(RequestFields)})
"""Names of fields that apply to the whole request and cannot occur in an item of `searches`."""
