"""What the sidecar is asked to run, and everything that can come of it, as values."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Command:
    """A command for the sidecar: `argv[0]` is a bare name; it is ended after `timeout`.

    The sidecar knows an operation by its id and this command: another attempt of the same id
    must ask for exactly the same.
    """

    argv: tuple[str, ...]
    stdin: str | None = field(repr=False)
    timeout: timedelta


@dataclass(frozen=True)
class Finished:
    """The command ended. An `exit_code` of None was not told, and says nothing."""

    exit_code: int | None
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    timed_out: bool
    duration: timedelta


@dataclass(frozen=True)
class OperationRunning:
    """The operation runs since `started_at` (ISO 8601)."""

    started_at: str


@dataclass(frozen=True)
class Interrupted:
    """The sidecar ended while the operation ran: how far that came is unknown."""


@dataclass(frozen=True)
class Untracked:
    """The answer proves nothing about the operation: whoever answered does not keep it.

    Another sidecar, an exec server without operations, or something in between. The operation may
    be running until its timeout.
    """

    message: str


@dataclass(frozen=True)
class HttpRejection:
    """An HTTP answer that is no success; `message` is what its body says."""

    status: int
    message: str
    retry_after: timedelta | None
    foreign: bool = False
    """Whether its body is not one of an exec server: something in between wrote it."""


@dataclass(frozen=True)
class Unreachable:
    """No usable answer. Not `sent`: nothing was asked. `sent`: the outcome is unknown."""

    message: str
    request_sent: bool


@dataclass(frozen=True)
class Health:
    """What a sidecar says of itself; one without `operations` knows only /exec."""

    max_concurrency: int | None
    operations: bool
    instance: str | None = None
    """The id that lives with the sidecar's state folder, if it sends one."""


Result = Finished | OperationRunning | Interrupted | Untracked | HttpRejection | Unreachable
"""What an attempt to run an operation can come to."""
