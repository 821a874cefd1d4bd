"""Aliases of request fields: old and new names, at the top of the body or in `options`."""

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
"""Canonical names of the fields that give a query."""


def flatten(body: Mapping[str, Any], faults: list[Fault], at: str = "") -> dict[str, Any]:
    """Merge `options` into the body and drop nulls; a field at the top wins over `options`.

    Appends a fault if `options` is not an object, and for aliases of one field with different
    values. `at` is the path prefix of the body in the request.
    """
    nested = body.get("options")
    if not (nested is None or isinstance(nested, dict)):
        faults.append(Fault(f"{at}options", "must be an object"))
    merged = {**(nested if isinstance(nested, dict) else {}), **body}
    merged.pop("options", None)
    fields = {name: value for name, value in merged.items() if value is not None}
    faults += _contradictions(fields, at)
    return fields


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


def _contradictions(fields: Fields, at: str) -> Iterator[Fault]:
    """Yield a fault for each pair of aliases of one field that have different values."""
    name_used: dict[str, str] = {}
    for name in filter(CANONICAL_NAMES.__contains__, fields):
        canonical = CANONICAL_NAMES[name]
        other = name_used.setdefault(canonical, name)
        if fields[name] != fields[other]:
            code = "conflicting_query_sources" if canonical in QUERY else "validation_error"
            both = " and ".join(sorted((name, other)))
            message = f"{both} are the same field and have different values: send one of them"
            yield Fault(f"{at}{canonical}", message, code)


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
