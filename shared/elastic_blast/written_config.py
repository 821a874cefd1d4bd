"""The config that elastic-blast says it has used: `metadata/elastic-blast-config.json`. Pure.

Environment variables win over the INI, in silence. The file shows it. It can hold the key of the
storage account, so that nothing but the four values that are compared ever leaves this module.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.contracts.search import Placement

NAME = "metadata/elastic-blast-config.json"
LARGEST = 256 * 1024
"""Bytes that are read; the file has 3 KB."""
LONGEST_VALUE = 90
"""Characters: a resource group's name has at most that many (source: Azure Resource Manager)."""

_FIELDS = (
    ("region", "azure", "region", "region"),
    ("resource group", "azure", "resourcegroup", "resource_group"),
    ("storage account", "azure", "storage-account", "storage_account"),
    ("cluster", "cluster", "name", "cluster_name"),
)
"""What it is called, where it stands in the file, and what was asked for."""


@dataclass(frozen=True)
class Override:
    """One value that is not the one that was asked for."""

    field: str
    asked: str
    actual: str

    def __str__(self) -> str:
        return f"the {self.field} is {self.actual} instead of {self.asked}"


@dataclass(frozen=True)
class Overrides:
    """The values that differ; `other_cluster` is set where the search runs on another cluster."""

    found: tuple[Override, ...]
    other_cluster: str | None

    def __str__(self) -> str:
        text = "; ".join(map(str, self.found))
        return f"elastic-blast did not use the config: {text} (from the sidecar's environment?)"


def overrides(text: bytes, asked: Placement) -> Overrides | None:
    """What differs from what was asked for; None where nothing does, or nothing can be told."""
    try:
        written = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = tuple(_differing(written, asked))
    if not found:
        return None
    actual = {one.field: one.actual for one in found}
    if not {"cluster", "resource group"} & set(actual):
        return Overrides(found, None)
    cluster = actual.get("cluster", asked.cluster_name)
    group = actual.get("resource group", asked.resource_group)
    return Overrides(found, f"the cluster {cluster} in the resource group {group}")


def _differing(written: Any, asked: Placement) -> Iterator[Override]:
    for field, section, key, attribute in _FIELDS:
        values = written.get(section) if isinstance(written, dict) else None
        actual = values.get(key) if isinstance(values, dict) else None
        wanted = getattr(asked, attribute)
        # Azure's names are the same in either case.
        if isinstance(actual, str) and actual.casefold() != wanted.casefold():
            yield Override(field, wanted, _printable(actual))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:LONGEST_VALUE])
