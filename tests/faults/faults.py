"""What can go wrong with a request on its way, as values."""

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


class How(StrEnum):
    """What a fault does."""

    REFUSE = "refused"
    """Nobody listens. It is for a whole server, and no request is met by it."""
    RESET_BEFORE = "reset before"
    """The connection is reset, and the server never hears of the request."""
    RESET_AFTER = "reset after"
    """The server has done it, and the answer is lost."""
    HOLD = "held"
    """The request goes on its way once it is let go."""
    HOLD_ANSWER = "held in its answer"
    """The server has done it; the answer goes on its way once it is let go."""
    BLACK_HOLE = "black hole"
    """There is no answer, and the server never hears of it; when it is let go it is reset."""
    STATUS = "status"
    """The fault's own answer; the server never hears of it."""
    TRUNCATE = "truncated"
    """The answer ends in the middle of its body."""
    CORRUPT = "corrupted"
    """The second half of the answer's body is rubbish of the same length."""


@dataclass(frozen=True)
class Request:
    """A request of the app, with its number among all that came this way."""

    number: int
    server: str
    method: str
    target: str
    """Path and query, as they were sent."""
    body: bytes = field(repr=False)

    def mentions(self, text: str) -> bool:
        """Whether the text is in its path, query or body."""
        return text in self.target or text.encode() in self.body

    @property
    def shape(self) -> str:
        """`table POST /$batch submitted`: what it is for, the same for every job."""
        path, _, query = self.target.partition("?")
        path = _JOB_ID.sub("{job}", path.removeprefix("/devstoreaccount1"))
        for pattern, name in _SHAPE:
            path = pattern.sub(name, path)
        listing = [part for part in query.split("&") if part in ("comp=list", "restype=container")]
        events = [name.decode() for name in _EVENT.findall(self.body)] if "$batch" in path else []
        return " ".join([self.server, self.method, path, *listing, *events])


@dataclass(frozen=True)
class Where:
    """Which requests: all that agree with everything that is given."""

    server: str = ""
    method: str = ""
    shape: str = ""
    """A regular expression that is found in the shape."""
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
    """A fault, and the requests that meet it."""

    how: How
    where: Where = Where()
    nth: int = 1
    """The first that meets it, of those."""
    times: int | None = 1
    """How many meet it; None: all from then on."""
    share: float = 1.0
    """How many of those do, by chance."""
    seed: int = 0
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b'{"error":"a fault on purpose"}'

    def of(self, job_id: str) -> Self:
        """The same, for the requests that name this job."""
        return replace(self, where=replace(self.where, mentions=job_id))


class InForce:
    """A fault that has been put in force, and what it has met."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met: list[Request] = []
        self.let_go: Future[None] = Future()
        self._seen = 0
        self._chance = random.Random(fault.seed)
        self._arrived = threading.Event()

    def meets(self, request: Request) -> bool:
        """Whether this request, which nobody has asked about, meets the fault."""
        fault = self.fault
        if fault.how is How.REFUSE or request not in fault.where:
            return False
        self._seen += 1
        spent = fault.times is not None and len(self.met) >= fault.times
        if self._seen < fault.nth or spent or self._chance.random() >= fault.share:
            return False
        self.met.append(request)
        self._arrived.set()
        return True

    def until_met(self, patience: float = 30.0) -> Request:
        """The first request that met it, once there is one."""
        assert self._arrived.wait(patience), f"nothing met {self.fault}"
        return self.met[0]

    def release(self) -> None:
        """Let go whatever is held. Safe to say twice."""
        if not self.let_go.done():
            self.let_go.set_result(None)
