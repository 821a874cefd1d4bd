"""Converts frozen dataclasses to plain JSON and back, with validation."""

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def serialize(value: object) -> dict[str, Any]:
    """The value as plain JSON: enums by value, datetimes and timedeltas in ISO 8601."""
    plain: dict[str, Any] = _adapter(value.__class__).dump_python(value, mode="json")
    return plain


def deserialize(kind: type[T], plain: object) -> T:
    """The inverse of `serialize`. Raises pydantic.ValidationError, which is a ValueError."""
    value: T = _adapter(kind).validate_python(plain)
    return value


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _cached_adapter(kind)  # for mypy a type is not Hashable


@cache
def _cached_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
