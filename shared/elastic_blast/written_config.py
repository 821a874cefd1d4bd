"""Compares the config that elastic-blast used with the requested one. Pure.

elastic-blast's environment variables override the INI silently; the values in use are in
`metadata/elastic-blast-config.json`. That file can contain the storage account's key, so this
module returns only the four values that it compares.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Placement

NAME = "metadata/elastic-blast-config.json"
LARGEST = 256 * 1024
"""Most bytes to read; the file has about 3 KB."""
LONGEST_VALUE = 90
"""Characters: the longest name of a resource group (source: Azure Resource Manager)."""

_FIELDS = (
    ("region", "azure", "region", "region"),
    ("resource group", "azure", "resourcegroup", "resource_group"),
    ("storage account", "azure", "storage-account", "storage_account"),
    ("cluster", "cluster", "name", "cluster_name"),
)
"""Name for messages, section and key in the file, and attribute of Placement."""


@dataclass(frozen=True)
class Override:
    """One value that differs from the requested one."""

    field: str
    requested: str
    actual: str

    def __str__(self) -> str:
        return f"the {self.field} is {self.actual} instead of {self.requested}"


@dataclass(frozen=True)
class Overrides:
    """The differing values; `other_cluster` names the cluster that the search really runs on."""

    items: tuple[Override, ...]
    other_cluster: str | None

    def __str__(self) -> str:
        text = "; ".join(map(str, self.items))
        return f"elastic-blast did not use the config: {text} (from the sidecar's environment?)"


def overrides(text: bytes, requested: Placement) -> Overrides | None:
    """The differences from `requested`; None if there are none, or the file cannot be parsed."""
    try:
        written = json.loads(text)
    except (ValueError, RecursionError):
        return None
    items = tuple(_differences(written, requested))
    if not items:
        return None
    actual = {override.field: override.actual for override in items}
    if not {"cluster", "resource group"} & set(actual):
        return Overrides(items, None)
    cluster = actual.get("cluster", requested.cluster_name)
    group = actual.get("resource group", requested.resource_group)
    return Overrides(items, f"the cluster {cluster} in the resource group {group}")


def reported_cluster(actual: str, requested: Placement) -> Overrides | None:
    """The difference, if elastic-blast's answer names another cluster than the requested one."""
    return overrides(json.dumps({"cluster": {"name": actual}}).encode(), requested)


def _differences(written: Any, requested: Placement) -> Iterator[Override]:
    for field, section, key, attribute in _FIELDS:
        values = written.get(section) if isinstance(written, dict) else None
        actual = values.get(key) if isinstance(values, dict) else None
        expected = getattr(requested, attribute)
        # Azure names are case-insensitive.
        if isinstance(actual, str) and actual.casefold() != expected.casefold():
            yield Override(field, expected, _printable(actual))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:LONGEST_VALUE])
