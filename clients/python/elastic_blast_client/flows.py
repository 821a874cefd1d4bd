"""What each call does, without doing it: generators that yield requests, waits and writes.

`client.py` runs them with and without asyncio, so that both clients behave the same.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from elastic_blast_client.errors import NotFound, Refused, TryAgain, refusal, unreachable
from elastic_blast_client.models import Job

TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between tries, unless the server says how long to wait."""
POLL = 3.0
"""Seconds between looks at a job, unless the server says otherwise."""
PATIENCE = 100
"""Tries of a look at a job, and of a part of a download: a server that restarts is waited for."""


@dataclass(frozen=True)
class Send:
    """Send a request; the flow gets the response, or an httpx.TransportError."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wait:
    """Wait for so many seconds."""

    seconds: float
    error: TryAgain | None = None
    """Why the last request is sent again after that."""
    tries: int = 0
    """How often that request was sent."""


@dataclass(frozen=True)
class Run:
    """Call a function that uses the disk; the flow gets what it returns."""

    function: Callable[[], Any]


T = TypeVar("T")
Flow = Generator[Send | Wait | Run, Any, T]
OnProgress = Callable[[Job], None]
OnRetry = Callable[[TryAgain, int], None]
"""Called before a request is sent again, with the error and the number of tries."""


def call(request: Send, tries: int = TRIES, ok: tuple[int, ...] = ()) -> Flow[httpx.Response]:
    """Send a request that can be repeated. Raises Refused; TryAgain after the last try.

    `ok` lists statuses of 300 and more that are responses.
    """
    wait = FIRST_WAIT
    for number in range(1, tries + 1):
        error: Refused
        asked = 0.0
        try:
            response: httpx.Response = yield request
            if response.status_code < 300 or response.status_code in ok:
                return response
            error, asked = refusal(response), retry_after(response, 0.0)
        except httpx.TransportError as transport_error:
            error = unreachable(transport_error)
        if not isinstance(error, TryAgain) or number == tries:
            raise error
        yield Wait(max(wait, asked), error, number)
        wait = min(2 * wait, LONGEST_WAIT)
    raise AssertionError("unreachable: the last try returns or raises")


def json_of(request: Send, tries: int = TRIES) -> Flow[Any]:
    """The JSON body of the response."""
    response = yield from call(request, tries)
    return response.json()


def retry_after(response: httpx.Response, default: float) -> float:
    """The seconds that the server asks to wait."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else default


def wait_for_end(job_id: str, on_progress: OnProgress | None) -> Flow[Job]:
    """Look at a job until it has ended, as often as the server says. Unchanged states are 304."""
    etag, job = "", None
    while True:
        headers = {"If-None-Match": etag} if etag else {}
        look = Send("GET", f"blast/jobs/{job_id}", headers=headers)
        response = yield from call(look, PATIENCE, ok=(304,))
        if response.status_code != 304:
            job = Job.of(response.json())
            etag = response.headers.get("ETag", "")
            if on_progress:
                on_progress(job)
            if job.has_ended:
                return job
        yield Wait(retry_after(response, POLL))


def find_file(listed: Mapping[str, Any], name_or_id: str) -> str:
    """The id of a result file. Raises NotFound."""
    for file in listed["files"]:
        if name_or_id in (file["name"], file["file_id"]):
            return str(file["file_id"])
    raise NotFound(404, "not_found", f"{listed['job_id']} has no result file {name_or_id}")
