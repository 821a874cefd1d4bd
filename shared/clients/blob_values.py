"""What is known of a blob beside its content."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Version:
    """One version of a blob. Its content changes only together with its `etag`."""

    size: int
    etag: str
    """In quotes, as in HTTP headers, whatever storage has sent."""


@dataclass(frozen=True)
class BlobInfo:
    """An entry of a blob list; `name` is relative to the listed prefix."""

    name: str
    size: int
    modified: datetime
    etag: str = ""
    """Equal to that of the blob's `Version`."""
