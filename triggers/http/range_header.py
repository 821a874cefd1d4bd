"""Parsing of the `Range` header (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

from shared.errors import OutOfRange

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start`, inclusive, to `end`, exclusive."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the range of a header; None for the whole file.

    Headers that are invalid or name several ranges are ignored, as the RFC allows. Raises
    OutOfRange if the file has no byte of the range.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        message = f"Range {match[0]} is outside of the file, which has {size:,} bytes"
        raise OutOfRange("range_not_satisfiable", message)
    return ByteRange(start, end)
