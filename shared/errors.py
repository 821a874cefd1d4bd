"""The error tree. There are two reactions to trouble, so there are two families.

    ControlPlaneError
    ├── TryLater                 again later, nothing is wrong with what was asked
    │   ├── Unavailable          a store, the sidecar, the cluster or the directory did not answer
    │   │   └── AccessRefused    it answered that the app may not; an operator must act
    │   └── TooMany              the caller has had its share for now
    └── NeedsPerson              a person must change something first
        ├── Malformed            what came cannot be read at all
        ├── Invalid              what was asked is wrong; carries all faults
        ├── SettingsInvalid      the deployment is configured wrong; carries all faults
        ├── NotFound             no such job, or not the caller's
        ├── Pointless            what is asked can only come to the same end again
        ├── Conflict             the key stands for another request, or the job has ended
        ├── TooLarge             more than is taken
        ├── OutOfRange           a part of a file that it does not have
        ├── NotSignedIn          the caller is not known
        └── NotAllowed           the caller is known, and may not

`code` is a stable identifier for programs; the text is a sentence for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.util.redaction import redacted


class ControlPlaneError(Exception):
    """The root: an error that we recognise. All others are bugs and pass through."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RetryableError(ControlPlaneError):
    """Again later. `after` is the wish of whoever refused, if it had one.

    The sentence often repeats a counterpart's text, so it is redacted.
    """

    def __init__(self, code: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(code, redacted(message))
        self.retry_after = retry_after


class Unavailable(RetryableError):
    """A store, the sidecar, the cluster or the directory could not be reached or did not answer in
    time."""


class AccessRefused(Unavailable):
    """The app's own identity was refused: it works again once an operator has given a role."""


class TooMany(RetryableError):
    """The caller has had its share for now."""


class PermanentError(ControlPlaneError):
    """Trying again changes nothing."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where (a path of names), and what, as a sentence."""

    path: str
    message: str
    code: str = "validation_error"


class Invalid(PermanentError):
    """What was asked is wrong in one or more places. Faults of one kind lend it their code."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        codes = {fault.code for fault in faults}
        code = codes.pop() if len(codes) == 1 else "validation_error"
        super().__init__(code, "; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


class Malformed(PermanentError):
    """What came cannot be read at all."""


class SettingsInvalid(PermanentError):
    """The settings are wrong; the app does no work until they are mended."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        text = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        super().__init__("settings_invalid", f"the settings are wrong: {text}")
        self.faults = tuple(faults)


class NotFound(PermanentError):
    """There is no such thing, or it is somebody else's, which looks the same.

    `after` says when to look again where it may still come to be.
    """

    def __init__(self, code: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Conflict(PermanentError):
    """What is asked contradicts what is already so."""


class NotRetryable(PermanentError):
    """What is asked can only come to the same end again."""


class TooLarge(PermanentError):
    """More than is taken."""


class OutOfRange(PermanentError):
    """A part of a file that it does not have."""


class NotSignedIn(PermanentError):
    """The caller is not known. Why what it showed was refused, only the log says."""

    def __init__(self, had_credentials: bool) -> None:
        super().__init__("not_signed_in", "sign in, and show a token of this directory")
        self.had_credentials = had_credentials


class NotAllowed(PermanentError):
    """The caller is known, and may not do this."""
