"""Faults of requests between the app and its servers, as values."""

import random
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

_JOB_ID = re.compile(r"job-[0-9a-f]{32}")
_SHAPE = (
    (re.compile(r"\d{13}-\{job\}"), "{newest}-{job}"),
    (re.compile(r"(?<=/)[0-9a-f]{16}(?=\.)"), "{fingerprint}"),
    (re.compile(r"event-\d{8}"), "event-{n}"),
    (re.compile(r"submit-\{job\}-\d+"), "submit-{job}-{n}"),
)
_EVENT = re.compile(rb'"event": "(\w+)"')


class FaultKind(StrEnum):
    """The kind of a fault."""

    REFUSE = "refused"
    """The server's port is closed; applies to the server, not to single requests."""
    RESET_BEFORE = "reset before"
    """The connection is reset before the request reaches the server."""
    RESET_AFTER = "reset after"
    """The server handles the request, and its response is lost."""
    HOLD = "held"
    """The request is delayed until `release`."""
    HOLD_ANSWER = "held in its answer"
    """The server handles the request; its response is delayed until `release`."""
    BLACK_HOLE = "black hole"
    """No response, and nothing reaches the server; the connection is reset at `release`."""
    STATUS = "status"
    """The fault's response replaces the server's; nothing reaches the server."""
    TRUNCATE = "truncated"
    """The response ends in the middle of its body."""
    CORRUPT = "corrupted"
    """The second half of the response's body is garbage of the same length."""


@dataclass(frozen=True)
class Request:
    """A request of the app, numbered over all proxies."""

    number: int
    server: str
    method: str
    target: str
    """Path and query as sent."""
    body: bytes = field(repr=False)

    def mentions(self, text: str) -> bool:
        """Whether the text is in path, query or body."""
        return text in self.target or text.encode() in self.body

    @property
    def shape(self) -> str:
        """The request without job-specific parts, such as `table POST /$batch submitted`."""
        path, _, query = self.target.partition("?")
        path = _JOB_ID.sub("{job}", path.removeprefix("/devstoreaccount1"))
        for pattern, name in _SHAPE:
            path = pattern.sub(name, path)
        listing = [part for part in query.split("&") if part in ("comp=list", "restype=container")]
        events = [name.decode() for name in _EVENT.findall(self.body)] if "$batch" in path else []
        return " ".join([self.server, self.method, path, *listing, *events])


@dataclass(frozen=True)
class RequestFilter:
    """Selects the requests that match all given fields."""

    server: str = ""
    method: str = ""
    shape: str = ""
    """A regular expression to search in the shape."""
    mentions: str = ""

    def __contains__(self, request: Request) -> bool:
        return (
            self.server in ("", request.server)
            and self.method in ("", request.method)
            and re.search(self.shape, request.shape) is not None
            and request.mentions(self.mentions)
        )


@dataclass(frozen=True)
class Fault:
    """A fault, and the requests that it applies to."""

    kind: FaultKind
    where: RequestFilter = RequestFilter()
    nth: int = 1
    """The first matching request that it applies to, counted from 1."""
    times: int | None = 1
    """The number of requests that it applies to; None: all from then on."""
    share: float = 1.0
    """The probability for each request."""
    seed: int = 0
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b'{"error":"injected fault"}'
    from_sidecar: bool = False
    """Whether the response has the instance header that the request expects."""

    def of(self, job_id: str) -> Self:
        """The same fault for the requests that mention this job."""
        return replace(self, where=replace(self.where, mentions=job_id))


class ActiveFault:
    """An active fault, and the requests that it applied to."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met: list[Request] = []
        self.released: Future[None] = Future()
        self._seen = 0
        self._chance = random.Random(fault.seed)
        self._arrived = threading.Event()

    def meets(self, request: Request) -> bool:
        """Whether the fault applies to this request; call once per request."""
        fault = self.fault
        if fault.kind is FaultKind.REFUSE or request not in fault.where:
            return False
        self._seen += 1
        spent = fault.times is not None and len(self.met) >= fault.times
        if self._seen < fault.nth or spent or self._chance.random() >= fault.share:
            return False
        self.met.append(request)
        self._arrived.set()
        return True

    def until_met(self, timeout: float = 30.0) -> Request:
        """Wait for the first request that it applies to."""
        assert self._arrived.wait(timeout), f"no request met {self.fault}"
        return self.met[0]

    def release(self) -> None:
        """Release all held requests. Idempotent."""
        if not self.released.done():
            self.released.set_result(None)
