"""The error tree. Callers either retry or give up, so it has two branches.

    ControlPlaneError
    ├── RetryableError           the request is fine; the same one can succeed later
    │   ├── Unavailable          storage, sidecar, cluster or directory did not answer
    │   │   └── AccessRefused    it refused the app's identity; an operator must act
    │   └── TooMany              the caller's rate limit or quota is used up
    └── PermanentError           somebody must change the request or the deployment first
        ├── Malformed            the input cannot be parsed
        ├── Invalid              the request has invalid fields; carries all faults
        ├── SettingsInvalid      the settings are invalid; carries all faults
        ├── NotFound             no such object, or it belongs to another owner
        ├── NotRetryable         a retry of the job would fail in the same way
        ├── Conflict             contradicts the current state, such as a job that has ended
        ├── TooLarge             exceeds a size limit
        ├── OutOfRange           the byte range lies outside the file
        ├── NotSignedIn          the caller is not authenticated
        └── NotAllowed           the caller is authenticated but not authorized

`code` is a stable identifier for programs; the message is a sentence for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.util.redaction import redacted


class ControlPlaneError(Exception):
    """Base of all expected errors. Any other exception is a bug and is not caught."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RetryableError(ControlPlaneError):
    """The operation can succeed later. `retry_after` is the server's Retry-After, if it sent one.

    The message often quotes another program's output, so it is redacted.
    """

    def __init__(self, code: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(code, redacted(message))
        self.retry_after = retry_after


class Unavailable(RetryableError):
    """Storage, the sidecar, a cluster or the directory cannot be reached or timed out."""


class AccessRefused(Unavailable):
    """The app's own identity was refused. An operator must grant it a role."""


class TooMany(RetryableError):
    """The caller's rate limit or quota is used up."""


class PermanentError(ControlPlaneError):
    """The same operation fails again until something else changes."""


@dataclass(frozen=True)
class Fault:
    """One invalid field: its path, such as `searches[2].db`, and a message about its value."""

    path: str
    message: str
    code: str = "validation_error"
    line: int | None = None
    """The line of the query that has the fault, counted from 1."""


class Invalid(PermanentError):
    """The request has invalid fields. If all faults have one code, the error has it too."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        codes = {fault.code for fault in faults}
        code = codes.pop() if len(codes) == 1 else "validation_error"
        super().__init__(code, "; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


class Malformed(PermanentError):
    """The input cannot be parsed."""


class SettingsInvalid(PermanentError):
    """The settings are invalid. The app does no work until an operator corrects them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        text = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        super().__init__("settings_invalid", f"invalid settings: {text}")
        self.faults = tuple(faults)


class NotFound(PermanentError):
    """The object does not exist, or belongs to another owner; the caller cannot tell which.

    `retry_after` is set where the object may still be created.
    """

    def __init__(self, code: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Conflict(PermanentError):
    """The operation contradicts the current state."""


class NotRetryable(PermanentError):
    """A retry of the job would fail in the same way."""


class TooLarge(PermanentError):
    """The input exceeds a size limit."""


class OutOfRange(PermanentError):
    """The requested byte range lies outside the file."""


class NotSignedIn(PermanentError):
    """The caller is not authenticated. Only the log says why its credentials were refused."""

    def __init__(self, had_credentials: bool) -> None:
        super().__init__("not_signed_in", "sign in: an access token of this directory is required")
        self.had_credentials = had_credentials


class NotAllowed(PermanentError):
    """The caller is authenticated but not authorized."""
