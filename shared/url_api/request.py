"""The parameters of a request: query string and form body, by names in capitals."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from shared.errors import Fault, Invalid, Malformed

MAX_PARAMETERS = 200
MAX_NAME = 100
"""Characters of a name that an error repeats."""
FORM = "application/x-www-form-urlencoded"


def read_parameters(query: str, body: bytes, content_type: str) -> dict[str, str]:
    """The parameters, of which those with an empty value count as absent.

    Raises Malformed for a body that is no such form, and Invalid for a parameter with two values.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if body and media_type not in ("", FORM):
        raise Malformed("malformed_form", f"send parameters as {FORM}, not {media_type[:80]}")
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in (*_pairs(query), *_pairs(_text(body))):
        if value.strip() and values.setdefault(name, value) != value:
            faults.append(Fault(name, "has two different values: send one of them"))
    if faults:
        raise Invalid(list(dict.fromkeys(faults)))
    return values


def _text(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("malformed_form", "the body is not URL-encoded") from error


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:  # too many, or not UTF-8
        reason = "the parameters are not UTF-8, or more than 200"
        raise Malformed("malformed_form", reason) from error
    for name, value in pairs:
        yield name.strip().upper()[:MAX_NAME], value
