"""Numbers in JSON, as the fields of a request take them: `true` is not one, as it is in Python."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")
_NUMBER_OR_TEXT: dict[str, Any] = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_INTEGER_OR_TEXT: dict[str, Any] = {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {str(value).lower()}")
    return value


def _number_text(value: object) -> object:
    """The digits of a number, of which none is lost."""
    _no_boolean(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ValueError("must be a number")
    return value


def _integer_text(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError(f"must be an integer or text, not {str(value).lower()}")
    return str(value) if isinstance(value, int) else value


Integer = Annotated[int, BeforeValidator(_no_boolean)]
"""An integer, as a number or as text."""
NumberText = Annotated[str, BeforeValidator(_number_text), WithJsonSchema(_NUMBER_OR_TEXT)]
"""A number as text; what it must be is checked with the option that it becomes."""
IntegerText = Annotated[str, BeforeValidator(_integer_text), WithJsonSchema(_INTEGER_OR_TEXT)]
"""Text that can be a lone integer, such as an output format."""
