"""The properties of a resource by models of the older form, which have a map of their attributes.

Such a model flattens its resource: the key of an attribute is a path, `properties.displayName`.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from types import ModuleType
from typing import Any


def faults(body: Mapping[str, Any], model: Any, module: ModuleType, path: str) -> Iterator[str]:
    """The properties and values that the model does not know, or does not let a client set."""
    for key, value in _flattened(body, {each["key"] for each in model._attribute_map.values()}):
        where = f"{path}.{key}"
        names = [name for name, each in model._attribute_map.items() if each["key"] == key]
        if not names:
            yield f"{where}: {model.__name__} has no such property"
            continue
        (name,) = names
        if model._validation.get(name, {}).get("readonly"):
            yield f"{where}: read-only"
        kind = _model_of(model._attribute_map[name]["type"], module)
        for element in value if isinstance(value, list) else [value]:
            if kind and isinstance(element, dict):
                yield from faults(element, kind, module, where)
            yield from _enum_faults(element, model, name, module, where)


def _flattened(
    body: Mapping[str, Any], keys: set[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """The values by their paths, as deep as the model flattens them."""
    for key, value in body.items():
        path = prefix + key
        if isinstance(value, dict) and any(each.startswith(f"{path}.") for each in keys):
            yield from _flattened(value, keys, f"{path}.")
        else:
            yield path, value


def _model_of(kind: str, module: ModuleType) -> Any:
    """The model of a value or of a list's elements; None of a plain value, or a mapping."""
    found = getattr(module, kind.strip("[]"), None)
    return found if hasattr(found, "_attribute_map") else None


def _enum_faults(
    value: object, model: Any, name: str, module: ModuleType, where: str
) -> Iterator[str]:
    """The map calls an enumeration a `str`; the constructor's annotation has its name."""
    parameter = inspect.signature(model.__init__).parameters.get(name)
    annotation = str(parameter.annotation) if parameter else ""
    for enum_name in re.findall(r"_models\.(\w+)", annotation):
        kind = getattr(module, enum_name)
        is_enum = isinstance(kind, type) and issubclass(kind, Enum) and isinstance(value, str)
        if is_enum and value not in {member.value for member in kind}:
            yield f"{where}: {value} is no {enum_name}"
