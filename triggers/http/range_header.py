"""Which part of a file a request asks for (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

from shared.errors import OutOfRange

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `start` up to `end`."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range that `Range` names; None for the whole, also where it says what is not served.

    Raises OutOfRange where the file has none of it.
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
        raise OutOfRange("range_not_satisfiable", f"the file has {size:,} bytes")
    return ByteRange(start, end)
