"""Parses a request body into a command, or raises the Refusal that answers it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sidecar.responses import Refusal

BODY_CAP = 2 * 1024 * 1024
"""Maximum size of a request body in bytes; the INI in stdin has at most 1 MiB."""

BINARIES = ["az", "azcopy", "elastic-blast", "elb", "kubectl"]
"""The allowed programs; `argv[0]` must be one of these names, without a path."""

DEFAULT_TIMEOUT, LONGEST_TIMEOUT = 60, 1800
"""Seconds."""


@dataclass(frozen=True)
class ExecCommand:
    """A command to run. `timeout` is in seconds, 1 to 1800; `cwd` None means a new empty folder."""

    argv: tuple[str, ...] = field(repr=False)
    stdin: str | None = field(repr=False)
    cwd: str | None
    timeout: int

    @property
    def digest(self) -> str:
        """SHA-256 of the parsed command and its stdin; independent of the JSON's spelling."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def parse_command(body: bytes) -> ExecCommand:
    """Parse `body`. Raises Refusal 400 for a malformed command, 403 for a program not allowed."""
    fields = _parse_object(body)
    if fields.get("stdin_file") is not None:
        raise Refusal(400, "stdin_file is not supported: send stdin")
    command = ExecCommand(
        argv=_parse_argv(fields.get("argv")),
        stdin=_parse_stdin(fields.get("stdin")),
        cwd=_parse_cwd(fields.get("cwd")),
        timeout=_parse_timeout(fields.get("timeout_seconds")),
    )
    if command.argv[0] not in BINARIES:
        raise Refusal(403, f"argv[0] {command.argv[0]!r} not in allowlist {BINARIES!r}")
    return command


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"invalid JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Refusal(400, "invalid JSON: the body must be an object")
    return fields


def _parse_argv(argv: object) -> tuple[str, ...]:
    if not isinstance(argv, list) or not argv:
        raise Refusal(400, "argv must be a non-empty list")
    if not all(isinstance(part, str) and _is_text(part) and "\0" not in part for part in argv):
        raise Refusal(400, "argv must hold strings only, without null characters")
    return tuple(argv)


def _parse_stdin(stdin: object) -> str | None:
    if stdin is not None and not (isinstance(stdin, str) and _is_text(stdin)):
        raise Refusal(400, "stdin must be a string or omitted")
    return stdin


def _parse_cwd(cwd: object) -> str | None:
    if cwd is None:
        return None
    if not (isinstance(cwd, str) and _is_text(cwd) and cwd.startswith("/") and "\0" not in cwd):
        raise Refusal(400, "cwd must be an absolute path or omitted")
    if not Path(cwd).is_dir():
        raise Refusal(400, "cwd must be an existing folder")
    return cwd


def _parse_timeout(timeout: object) -> int:
    if timeout is None:
        return DEFAULT_TIMEOUT
    if not isinstance(timeout, int) or isinstance(timeout, bool):
        raise Refusal(400, "timeout_seconds must be a whole number or omitted")
    return min(max(timeout, 1), LONGEST_TIMEOUT)


def _is_text(value: str) -> bool:
    """False for lone surrogates: JSON can contain them, but no OS call accepts them."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
