"""Request bodies as JSON objects, and the client tokens in them that responses repeat."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from shared.errors import Fault, Invalid, Malformed

MAX_FAULTS = 100
"""Faults in one response: clients do not show more."""
MAX_NAME = 100
"""Characters of a name in the path of a fault."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters only")
    return text


ClientToken = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1, max_length=256),
    AfterValidator(_printable),
]
"""An id that the client chose; responses and messages repeat it unchanged."""
_CLIENT_TOKEN: TypeAdapter[str] = TypeAdapter(ClientToken)


class _Object(dict[str, Any]):
    """An object in which names are repeated; the first value of each is kept."""

    repeated: tuple[str, ...] = ()


class _Constant(float):
    """NaN or an infinity, which JSON does not have and Python's reader accepts."""


def _finite(text: str) -> float:
    """A number; one such as `1e999`, which Python reads as an infinity, is a _Constant."""
    number = float(text)
    return number if math.isfinite(number) else _Constant(number)


def json_object(data: bytes) -> dict[str, Any]:
    """Parse the JSON object of a body or message in UTF-8.

    Raises Malformed, whose message quotes nothing of the body, which may contain sequences; and
    Invalid for a repeated name, of which other readers take the last value, for NaN, and for
    numbers that are too large, such as `1e999`.
    """
    parsed = lenient_json_object(data)
    if faults := list(islice(_faults(parsed), MAX_FAULTS)):
        raise Invalid(faults)
    return parsed


def lenient_json_object(data: bytes) -> dict[str, Any]:
    """Parse the object of a body whose faults are reported elsewhere. Raises Malformed."""
    try:
        parsed = json.loads(
            data, object_pairs_hook=_object, parse_constant=_Constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        message = f"the body is not JSON in UTF-8: {error}"
        raise Malformed("malformed_json", message) from error
    if not isinstance(parsed, dict):
        raise Malformed("malformed_json", "the body must be a JSON object")
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(reversed(pairs))
    if len(fields) == len(pairs):
        return dict(pairs)
    counts = Counter(name for name, _ in pairs)
    repeating = _Object(fields)
    repeating.repeated = tuple(name for name, count in counts.items() if count > 1)
    return repeating


def _faults(body: dict[str, Any]) -> Iterator[Fault]:
    """Yield what is no JSON, by its path; without recursion, as the body can be deep."""
    values: list[tuple[str, Any]] = [("", body)]
    while values:
        path, value = values.pop()
        prefix = f"{path}." if path else ""
        if isinstance(value, _Object):
            for name in value.repeated:
                yield Fault(f"{prefix}{name[:MAX_NAME]}", "is given more than once")
        if isinstance(value, _Constant):
            yield Fault(path, f"{float(value)} is not a number in JSON")
        if isinstance(value, dict):
            values += [(f"{prefix}{name[:MAX_NAME]}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            values += [(f"{prefix}{number}", inner) for number, inner in enumerate(value)]


def client_token(value: object) -> str | None:
    """Return the value if it is a valid client token, else None."""
    try:
        return _CLIENT_TOKEN.validate_python(value)
    except ValidationError:
        return None
