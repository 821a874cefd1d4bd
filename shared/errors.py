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

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class TryLater(ControlPlaneError):
    """Again later. `after` is the wish of whoever refused, if it had one.

    The sentence often repeats a counterpart's text, so it is redacted.
    """

    def __init__(self, code: str, sentence: str, after: timedelta | None = None) -> None:
        super().__init__(code, redacted(sentence))
        self.after = after


class Unavailable(TryLater):
    """A store, the sidecar, the cluster or the directory could not be reached or did not answer in
    time."""


class AccessRefused(Unavailable):
    """The app's own identity was refused: it works again once an operator has given a role."""


class TooMany(TryLater):
    """The caller has had its share for now."""


class NeedsPerson(ControlPlaneError):
    """Trying again changes nothing."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where (a path of names), and what, as a sentence."""

    where: str
    what: str
    code: str = "validation_error"


class Invalid(NeedsPerson):
    """What was asked is wrong in one or more places. Faults of one kind lend it their code."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        codes = {fault.code for fault in faults}
        code = codes.pop() if len(codes) == 1 else "validation_error"
        super().__init__(code, "; ".join(f"{fault.where}: {fault.what}" for fault in faults))
        self.faults = tuple(faults)


class Malformed(NeedsPerson):
    """What came cannot be read at all."""


class SettingsInvalid(NeedsPerson):
    """The settings are wrong; the app does no work until they are mended."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        said = "; ".join(f"{fault.where}: {fault.what}" for fault in faults)
        super().__init__("settings_invalid", f"the settings are wrong: {said}")
        self.faults = tuple(faults)


class NotFound(NeedsPerson):
    """There is no such thing, or it is somebody else's, which looks the same.

    `after` says when to look again where it may still come to be.
    """

    def __init__(self, code: str, sentence: str, after: timedelta | None = None) -> None:
        super().__init__(code, sentence)
        self.after = after


class Conflict(NeedsPerson):
    """What is asked contradicts what is already so."""


class Pointless(NeedsPerson):
    """What is asked can only come to the same end again."""


class TooLarge(NeedsPerson):
    """More than is taken."""


class OutOfRange(NeedsPerson):
    """A part of a file that it does not have."""


class NotSignedIn(NeedsPerson):
    """The caller is not known. Why what it showed was refused, only the log says."""

    def __init__(self, showed_something: bool) -> None:
        super().__init__("not_signed_in", "sign in, and show a token of this directory")
        self.showed_something = showed_something


class NotAllowed(NeedsPerson):
    """The caller is known, and may not do this."""
