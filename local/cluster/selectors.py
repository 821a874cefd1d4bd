"""Parses label and field selectors, and matches objects against them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.cluster.api_errors import bad_request
from local.cluster.resources import Json, ResourceKind

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_KEY})
      | (?P<key>{_KEY})
        (?: \s+ (?P<set>in|notin) \s* \( (?P<values>[^()]*) \)
          | \s* (?P<equality>==|=|!=) \s* (?P<value>{_VALUE}) )?
    )\s*(?:,(?!\s*$)|$)""",
    re.VERBOSE,
)
_SINGLE_VALUE = re.compile(_VALUE)


@dataclass(frozen=True)
class Requirement:
    """A requirement on a key. `operator` is `in`, `notin`, `exists` or `absent`.

    As on a real cluster, `notin` (and so `!=`) matches an object without the key.
    """

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == "in":
            return value is not None and value in self.values
        if self.operator == "notin":
            return value is None or value not in self.values
        return (value is not None) == (self.operator == "exists")


@dataclass(frozen=True)
class Selector:
    """Limits a list, a watch or a deletion; an empty selector matches everything."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def matches(self, obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(requirement.is_met_by(labels) for requirement in self.labels) and all(
            requirement.is_met_by({requirement.key: _field(obj, requirement.key)})
            for requirement in self.fields
        )

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)


def selector(kind: ResourceKind, labels: str, fields: str) -> Selector:
    """Parse both query parameters. Raises ApiError (400) for an invalid one."""
    field_requirements = _parse(fields)
    for requirement in field_requirements:
        if requirement.key not in kind.fields:
            raise bad_request(f"field label not supported: {requirement.key}")
    return Selector(_parse(labels), field_requirements)


def _parse(text: str) -> tuple[Requirement, ...]:
    requirements, position = [], 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None or match.end() == position:
            raise bad_request(f"unable to parse requirement: {text[position:]!r}")
        requirements.append(_requirement(match))
        position = match.end()
    return tuple(requirements)


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(match["absent"], "absent")
    if match["set"]:
        return Requirement(match["key"], match["set"], _values(match["values"]))
    if match["equality"]:
        operator = "notin" if match["equality"] == "!=" else "in"
        return Requirement(match["key"], operator, frozenset([match["value"]]))
    return Requirement(match["key"], "exists")


def _values(text: str) -> frozenset[str]:
    values = [value.strip() for value in text.split(",")]
    if invalid_values := [value for value in values if not _SINGLE_VALUE.fullmatch(value)]:
        raise bad_request(f"unable to parse requirement: invalid label value {invalid_values[0]!r}")
    return frozenset(values)


def _field(obj: Json, path: str) -> str:
    value: object = obj
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)
