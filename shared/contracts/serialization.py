"""Frozen dataclasses to and from plain JSON, checked on the way in."""

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def serialize(value: object) -> dict[str, Any]:
    """The value as plain JSON: enums as their words, instants and durations as ISO 8601."""
    plain: dict[str, Any] = _adapter(value.__class__).dump_python(value, mode="json")
    return plain


def deserialize(kind: type[T], plain: object) -> T:
    """The value that `write` made `plain` of. Raises pydantic.ValidationError, a ValueError."""
    value: T = _adapter(kind).validate_python(plain)
    return value


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _built(kind)  # mypy takes a type for no key of a cache


@cache
def _built(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
