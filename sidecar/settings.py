"""Everything that can be set, read once from the environment, with all faults told together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOKEN_LENGTH = 32
"""Characters a token must have at least."""

DEFAULTS = {
    "EXEC_HOST": "127.0.0.1",
    "EXEC_PORT": "8090",
    "EXEC_STATE_DIR": ".state/sidecar",
    "EXEC_MAX_CONCURRENCY": "4",
    "EXEC_RATE_PER_MINUTE": "120",
    "EXEC_PASS_ENV": "",
    "EXEC_HEADER_SECONDS": "10",
    "EXEC_BODY_SECONDS": "30",
    "EXEC_KILL_SECONDS": "5",
    "EXEC_RETENTION_HOURS": "24",
}
"""What holds where a variable is unset or empty. EXEC_TOKEN has no default."""

_BOUNDS = {
    "EXEC_PORT": (0, 65535),
    "EXEC_MAX_CONCURRENCY": (1, 64),
    "EXEC_RATE_PER_MINUTE": (1, 60_000),
    "EXEC_HEADER_SECONDS": (1, 300),
    "EXEC_BODY_SECONDS": (1, 300),
    "EXEC_KILL_SECONDS": (1, 60),
    "EXEC_RETENTION_HOURS": (1, 8760),
}

_NEVER_PASSED = re.compile(
    r"EXEC_.*|ELB_.*|AZURE_RESOURCE_GROUP|AZURE_REGION|AZURE_STORAGE_ACCOUNT.*|AZURE_ACR_NAME"
    r"|HOME|TMPDIR|PYTHONUNBUFFERED"
)
"""Secrets of the sidecar, what would override a search's own config, and what is set anew."""


class SettingsError(Exception):
    """The environment cannot be used; the text has one line for each fault."""


@dataclass(frozen=True)
class Settings:
    """The sidecar's settings; README.md says what each is for."""

    token: str = field(repr=False)
    next_token: str | None = field(repr=False)
    host: str
    port: int
    state_dir: Path
    max_concurrency: int
    rate_per_minute: int
    pass_env: tuple[str, ...]
    header_seconds: int
    body_seconds: int
    kill_seconds: int
    retention_hours: int


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from `env`. Raises SettingsError that names every fault, and no value of a token."""
    values = {name: env.get(name) or default for name, default in DEFAULTS.items()}
    tokens = {name: env.get(name, "") for name in ("EXEC_TOKEN", "EXEC_TOKEN_NEXT")}
    names = tuple(name.strip() for name in values["EXEC_PASS_ENV"].split(",") if name.strip())
    faults = [*_token_faults(tokens), *_number_faults(values), *_name_faults(names)]
    if faults:
        raise SettingsError("\n".join(faults))
    number = {name: int(values[name]) for name in _BOUNDS}
    return Settings(
        token=tokens["EXEC_TOKEN"],
        next_token=tokens["EXEC_TOKEN_NEXT"] or None,
        host=values["EXEC_HOST"],
        port=number["EXEC_PORT"],
        state_dir=Path(values["EXEC_STATE_DIR"]).expanduser().resolve(),
        max_concurrency=number["EXEC_MAX_CONCURRENCY"],
        rate_per_minute=number["EXEC_RATE_PER_MINUTE"],
        pass_env=names,
        header_seconds=number["EXEC_HEADER_SECONDS"],
        body_seconds=number["EXEC_BODY_SECONDS"],
        kill_seconds=number["EXEC_KILL_SECONDS"],
        retention_hours=number["EXEC_RETENTION_HOURS"],
    )


def _token_faults(tokens: Mapping[str, str]) -> list[str]:
    faults = []
    for name, token in tokens.items():
        optional = name == "EXEC_TOKEN_NEXT"
        if len(token) < TOKEN_LENGTH and not (optional and not token):
            faults.append(f"{name} must have at least {TOKEN_LENGTH} characters")
        elif not (token.isascii() and token.isprintable() and " " not in token):
            faults.append(f"{name} must be printable ASCII without spaces")
    return faults


def _number_faults(values: Mapping[str, str]) -> list[str]:
    return [
        f"{name} must be a whole number from {low} to {high}"
        for name, (low, high) in _BOUNDS.items()
        if not (re.fullmatch("[0-9]{1,6}", values[name]) and low <= int(values[name]) <= high)
    ]


def _name_faults(names: tuple[str, ...]) -> list[str]:
    return [f"EXEC_PASS_ENV may not name {name}" for name in names if _NEVER_PASSED.fullmatch(name)]
