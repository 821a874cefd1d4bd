"""Formats of values in settings and requests. A title names the format in docs/settings.md."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from shared.settings.connection_string import check_connection_string
from shared.util.addresses import parse_address
from shared.util.durations import PollSchedule, Rate, parse_duration

UNLIMITED = "unlimited"
_ORIGIN = re.compile(r"https?://[^/?#A-Z]+")


def _parsed_by(parse: Callable[[str], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _parse_tries(text: str) -> int | None:
    if text == UNLIMITED:
        return None
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is neither a number of at least 1 nor {UNLIMITED!r}")
    return int(text)


def _check_address(text: str) -> str:
    parse_address(text)
    return text


def _parse_path(text: str) -> Path | None:
    return Path(text) if text else None


Guid = Annotated[
    str, Field(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$", title="GUID")
]
SecureUrl = Annotated[
    str, AfterValidator(_check_address), Field(title="https URL, or http on loopback")
]
ConnectionString = Annotated[
    str, AfterValidator(check_connection_string), Field(title="storage connection string")
]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", title="DNS name")]
OwnerId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._@-]+$", title="letters, digits, `.`, `_`, `@`, `-`")
]
Duration = Annotated[
    timedelta,
    _parsed_by(parse_duration),
    Field(title="duration"),
]
RequestRate = Annotated[Rate, _parsed_by(Rate.parse), Field(title="`count/duration`")]
Schedule = Annotated[
    PollSchedule,
    _parsed_by(PollSchedule.parse),
    Field(title="`interval/age` pairs in order of age, then the last interval"),
]
OptionalPath = Annotated[Path | None, _parsed_by(_parse_path), Field(title="path of a file")]
Names = Annotated[frozenset[str], _parsed_by(str.split), Field(title="names, separated by spaces")]


def _parse_origins(text: str) -> frozenset[str]:
    origins = text.split()
    for origin in origins:
        _check_address(origin)
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} must be a scheme and a host in lower case, and no path")
    return frozenset(origins)


Origins = Annotated[
    frozenset[str], _parsed_by(_parse_origins), Field(title="origins, separated by spaces")
]
StorageAccountName = Annotated[
    str, Field(pattern=r"^[a-z0-9]{3,24}$", title="3 to 24 lower-case letters and digits")
]
ClusterName = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", title="DNS label")
]
Memory = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]{0,11}(k|M|G|T|Ki|Mi|Gi|Ti)$",
        title="Kubernetes quantity, such as `4G`",
    ),
]


def _parse_machines(text: str) -> frozenset[tuple[str, int]]:
    pairs = [pair.partition("=") for pair in text.split()]
    if invalid := [name for name, _, size in pairs if not re.fullmatch("[1-9][0-9]{0,5}", size)]:
        raise ValueError(f"{invalid[0]!r} has no memory in GiB: write Standard_X=64")
    return frozenset((name, int(size)) for name, _, size in pairs)


MachineTypes = Annotated[
    frozenset[tuple[str, int]],
    _parsed_by(_parse_machines),
    Field(title="`type=GiB` pairs, separated by spaces"),
]
RetryDelay = Annotated[Duration, Field(gt=timedelta(0))]
RetryFactor = Annotated[float, Field(ge=1, le=100, title="number")]
RetryTries = Annotated[
    int | None, _parsed_by(_parse_tries), Field(title="integer of at least 1, or `unlimited`")
]
