"""Label and field selectors, parsed once and then asked about one object at a time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.cluster.kinds import Json, ResourceKind
from local.cluster.problems import bad_request

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
_ONE_VALUE = re.compile(_VALUE)


@dataclass(frozen=True)
class Requirement:
    """One condition on a key. `operator` is `in`, `notin`, `exists` or `absent`.

    As on a real cluster, `notin` (and so `!=`) holds for an object without the key.
    """

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def met_by(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == "in":
            return value is not None and value in self.values
        if self.operator == "notin":
            return value is None or value not in self.values
        return (value is not None) == (self.operator == "exists")


@dataclass(frozen=True)
class Selector:
    """What a list, a watch or a deletion is limited to; empty means everything."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def matches(self, obj: Json) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(need.met_by(labels) for need in self.labels) and all(
            need.met_by({need.key: _field(obj, need.key)}) for need in self.fields
        )

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)


def selector(kind: ResourceKind, labels: str, fields: str) -> Selector:
    """Parse both query parameters. Raises Refused (400) for what cannot be read."""
    wanted = _parse(fields)
    for need in wanted:
        if need.key not in kind.fields:
            raise bad_request(f"field label not supported: {need.key}")
    return Selector(_parse(labels), wanted)


def _parse(text: str) -> tuple[Requirement, ...]:
    found, position = [], 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None or match.end() == position:
            raise bad_request(f"unable to parse requirement: {text[position:]!r}")
        found.append(_requirement(match))
        position = match.end()
    return tuple(found)


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
    if bad := [value for value in values if not _ONE_VALUE.fullmatch(value)]:
        raise bad_request(f"unable to parse requirement: invalid label value {bad[0]!r}")
    return frozenset(values)


def _field(obj: Json, path: str) -> str:
    value: object = obj
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)
