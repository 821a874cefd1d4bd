"""The errors of the client.

BlastError
├── Refused              the server refused the request; `code` is stable
│   ├── Invalid          some fields are invalid: `faults` names all of them
│   ├── NotSignedIn, NotAllowed, NotFound, Conflict, TooLarge
│   └── TryAgain         the same request can succeed later; also if the server cannot be reached
├── HitsMissing          files with hits could not be read
└── SearchFailed         a search that was waited for has failed, or was cancelled
"""

from collections.abc import Mapping, Sequence

import httpx

from elastic_blast_client.models import Fault, Job


class BlastError(Exception):
    """Base of all errors of this package."""


class Refused(BlastError):
    """The server refused the request."""

    def __init__(self, status: int, code: str, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.faults = tuple(faults)


class Invalid(Refused):
    """The request has invalid fields."""


class NotSignedIn(Refused):
    """The token is missing, or was refused."""


class NotAllowed(Refused):
    """The caller has no right to do that."""


class NotFound(Refused):
    """The job or file does not exist, or belongs to another owner."""


class Conflict(Refused):
    """It contradicts the state of the job, or an earlier request with the same key."""


class TooLarge(Refused):
    """The query or the result exceeds a limit."""


class TryAgain(Refused):
    """The same request can succeed later."""


class HitsMissing(BlastError):
    """Result files could not be read, so that the hits would not be all; `files` has the reasons.

    The filter `file` chooses the hits of one file.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in files.items()))
        self.files = files


class SearchFailed(BlastError):
    """The search has failed or was cancelled; the text has BLAST's own words."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.job_id} is {job.status}: {job.error or job.phase}")
        self.job = job


_KINDS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TryAgain,
    **dict.fromkeys((500, 502, 503, 504), TryAgain),
}


def refusal(response: httpx.Response) -> Refused:
    """The error of a response, also of one that another server between has made."""
    try:
        detail = response.json()["detail"]
        code, message = str(detail["code"]), str(detail["message"])
        faults = [
            Fault(".".join(map(str, fault["loc"])), str(fault["msg"]))
            for fault in detail.get("errors") or ()
        ]
    except (ValueError, KeyError, TypeError):
        code, faults = f"http_{response.status_code}", []
        message = f"the server answered {response.status_code} without a reason"
    return _KINDS.get(response.status_code, Refused)(response.status_code, code, message, faults)


def unreachable(error: httpx.TransportError) -> TryAgain:
    """The error of a server that does not answer."""
    reason = str(error) or type(error).__name__
    return TryAgain(0, "unreachable", f"the server cannot be reached: {reason}")
