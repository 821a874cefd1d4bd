"""Commands for the exec sidecar, and the possible results, as values."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Command:
    """A command for the sidecar. `argv[0]` is a bare name; the command is killed after `timeout`.

    An operation id stays bound to its first command: repeating the PUT with another command is an
    error.
    """

    argv: tuple[str, ...]
    stdin: str | None = field(repr=False)
    timeout: timedelta


@dataclass(frozen=True)
class Finished:
    """The command ended. `exit_code` is None if the sidecar did not report one."""

    exit_code: int | None
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    timed_out: bool
    duration: timedelta


@dataclass(frozen=True)
class OperationRunning:
    """The operation has been running since `started_at` (ISO 8601)."""

    started_at: str


@dataclass(frozen=True)
class Interrupted:
    """The sidecar stopped while the operation ran. How far the command got is unknown."""


@dataclass(frozen=True)
class Untracked:
    """The response is not that of the instance that has the operation, so it proves nothing.

    It may be of another sidecar instance, an exec server without operations, a proxy, or about
    another operation. The operation may be running until its timeout.
    """

    message: str


@dataclass(frozen=True)
class HttpRejection:
    """An HTTP response that is not a success; `message` is from its body."""

    status: int
    message: str
    retry_after: timedelta | None
    foreign: bool = False
    """Whether something in front of the sidecar wrote it: its body is not an exec server's."""


@dataclass(frozen=True)
class Unreachable:
    """No usable response. If `request_sent`, the outcome is unknown; else nothing was executed."""

    message: str
    request_sent: bool


@dataclass(frozen=True)
class Health:
    """A sidecar's health report. Without `operations`, or without a name for the instance that
    keeps them, only /exec is used."""

    max_concurrency: int | None
    operations: bool
    instance: str | None = None
    """The id stored in the sidecar's state folder, if the response has one."""


Result = Finished | OperationRunning | Interrupted | Untracked | HttpRejection | Unreachable
"""The possible results of running an operation."""
