"""Request bodies as JSON objects, and the client tokens in them that responses repeat."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from shared.errors import Malformed


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


def json_object(data: bytes) -> dict[str, Any]:
    """Parse the JSON object of a body or message in UTF-8.

    Raises Malformed; its message quotes nothing of the body, which may contain sequences.
    """
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        message = f"the body is not JSON in UTF-8: {error}"
        raise Malformed("malformed_json", message) from error
    if not isinstance(parsed, dict):
        raise Malformed("malformed_json", "the body must be a JSON object")
    return parsed


def client_token(value: object) -> str | None:
    """Return the value if it is a valid client token, else None."""
    try:
        return _CLIENT_TOKEN.validate_python(value)
    except ValidationError:
        return None
