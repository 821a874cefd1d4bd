"""The sidecar's settings: read once from the environment, all faults reported together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.tokens import TokenError, Tokens, TokenSource, token_sources

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
    "EXEC_AZ_LOGIN": "",
    "EXEC_AZ_LOGIN_TIMEOUT_SECONDS": "60",
    "EXEC_AZ_LOGIN_RETRY_SECONDS": "5",
}
"""Values of variables that are unset or empty. The tokens have no default."""

_BOUNDS = {
    "EXEC_PORT": (0, 65535),
    "EXEC_MAX_CONCURRENCY": (1, 64),
    "EXEC_RATE_PER_MINUTE": (1, 60_000),
    "EXEC_HEADER_SECONDS": (1, 300),
    "EXEC_BODY_SECONDS": (1, 300),
    "EXEC_KILL_SECONDS": (1, 60),
    "EXEC_RETENTION_HOURS": (1, 8760),
    "EXEC_AZ_LOGIN_TIMEOUT_SECONDS": (1, 600),
    "EXEC_AZ_LOGIN_RETRY_SECONDS": (1, 300),
}

_NEVER_PASSED = re.compile(
    r"EXEC_.*|ELB_.*|AZURE_RESOURCE_GROUP|AZURE_REGION|AZURE_STORAGE_ACCOUNT.*|AZURE_ACR_NAME"
    r"|HOME|TMPDIR|PYTHONUNBUFFERED"
)
"""Secrets of the sidecar, variables that override a search's config, and those set per command."""


class SettingsError(Exception):
    """The environment is invalid; the text has one line per fault."""


@dataclass(frozen=True)
class SidecarSettings:
    """The sidecar's settings; README.md explains each."""

    token_sources: tuple[TokenSource, ...] = field(repr=False)
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
    az_login: bool
    az_login_timeout_seconds: int
    az_login_retry_seconds: int


def read_settings(env: Mapping[str, str]) -> SidecarSettings:
    """Parse `env`. Raises SettingsError with every fault, and never a token's value."""
    values = {name: env.get(name) or default for name, default in DEFAULTS.items()}
    names = tuple(name.strip() for name in values["EXEC_PASS_ENV"].split(",") if name.strip())
    faults = [
        *_token_faults(env),
        *_number_faults(values),
        *_name_faults(names),
        *_login_faults(values, env),
    ]
    if faults:
        raise SettingsError("\n".join(faults))
    number = {name: int(values[name]) for name in _BOUNDS}
    return SidecarSettings(
        token_sources=tuple(token_sources(env)),
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
        az_login=values["EXEC_AZ_LOGIN"] == "identity",
        az_login_timeout_seconds=number["EXEC_AZ_LOGIN_TIMEOUT_SECONDS"],
        az_login_retry_seconds=number["EXEC_AZ_LOGIN_RETRY_SECONDS"],
    )


def _token_faults(env: Mapping[str, str]) -> list[str]:
    try:
        Tokens(token_sources(env))
    except TokenError as error:
        return str(error).splitlines()
    return []


def _number_faults(values: Mapping[str, str]) -> list[str]:
    return [
        f"{name} must be a whole number from {low} to {high}, not {values[name]!r}"
        for name, (low, high) in _BOUNDS.items()
        if not (re.fullmatch("[0-9]{1,6}", values[name]) and low <= int(values[name]) <= high)
    ]


def _name_faults(names: tuple[str, ...]) -> list[str]:
    return [
        f"EXEC_PASS_ENV must not contain {name}, which is never passed to commands"
        for name in names
        if _NEVER_PASSED.fullmatch(name)
    ]


def _login_faults(values: Mapping[str, str], env: Mapping[str, str]) -> list[str]:
    """The login serves every command, so it needs a folder that all commands share."""
    if values["EXEC_AZ_LOGIN"] not in ("", "identity"):
        return [f"EXEC_AZ_LOGIN must be identity or empty, not {values['EXEC_AZ_LOGIN']!r}"]
    if values["EXEC_AZ_LOGIN"] and not Path(env.get("AZURE_CONFIG_DIR", "")).is_absolute():
        return ["EXEC_AZ_LOGIN=identity needs AZURE_CONFIG_DIR, an absolute path"]
    return []
