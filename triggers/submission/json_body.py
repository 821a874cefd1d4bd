"""What was sent: as JSON, and what of it is given back."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from shared.errors import Malformed


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have printable characters alone")
    return text


ClientToken = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1, max_length=256),
    AfterValidator(_printable),
]
"""A name of the sender's own, which is given back as it came."""
_CLIENT_TOKEN: TypeAdapter[str] = TypeAdapter(ClientToken)


def json_object(data: bytes) -> dict[str, Any]:
    """The object in a body or message, in UTF-8. Raises Malformed, which quotes nothing of it."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed_json", f"what was sent is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Malformed("malformed_json", "what was sent is not a JSON object")
    return found


def client_token(name: object) -> str | None:
    """A sender's own name for something, if it can be given back."""
    try:
        return _CLIENT_TOKEN.validate_python(name)
    except ValidationError:
        return None
