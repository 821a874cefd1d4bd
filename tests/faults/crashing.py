"""Killing the app at one of its outside calls, and following what becomes of the job."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import urllib3

from local.demo.client import RequestRejected
from shared.contracts.states import Phase
from tests.faults.conftest import World
from tests.faults.faults import Request, Where

PATIENCE = 60.0
EVERY = 0.05
T = TypeVar("T")


class When(StrEnum):
    """On which side of a call the app is killed."""

    BEFORE = "before"
    AFTER = "after"
    """The server has done it, and the app has not heard of it."""


class Client(StrEnum):
    """What a client does that has no answer."""

    RESENDS = "resends"
    """It sends the same request again until it is answered, as the dashboard does."""
    GIVES_UP = "gives up"


@dataclass
class Crash:
    """Kills the app at the n-th of those of its calls that are in `where`, once."""

    world: World
    nth: int
    when: When = When.BEFORE
    where: Where = field(default_factory=Where)
    calls: list[Request] = field(default_factory=list)
    """Those that were counted, up to the last one."""
    killed: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def armed(self) -> Iterator["Crash"]:
        """Count, and kill, for as long as the context is open."""
        proxies = self.world.proxies
        proxies.before, proxies.after = self._before, self._after
        try:
            yield self
        finally:
            proxies.before = proxies.after = None

    @property
    def said(self) -> str:
        """Where the app was killed, for people."""
        if not self.killed.is_set():
            return f"call {self.nth} was not reached"
        return f"killed {self.when} call {self.nth}, {self.calls[-1].shape}"

    def _before(self, request: Request) -> bool:
        if self.killed.is_set() or len(self.calls) == self.nth or request not in self.where:
            return False
        self.calls.append(request)
        return self.when is When.BEFORE and self._kill(request)

    def _after(self, request: Request) -> bool:
        return self.when is When.AFTER and self._kill(request)

    def _kill(self, request: Request) -> bool:
        if len(self.calls) < self.nth or self.calls[-1] is not request or self.killed.is_set():
            return False
        self.world.stack.host.kill()
        self.killed.set()
        return True


@dataclass(frozen=True)
class Follower:
    """A client of an app that may die, and what looks after that app."""

    world: World
    client: Client = Client.RESENDS

    def asks(self, ask: Callable[[], T]) -> T | None:
        """The answer; None where there is none and the client gives up."""
        by, pause = time.monotonic() + PATIENCE, threading.Event()
        while True:
            try:
                return ask()
            except (urllib3.exceptions.HTTPError, RequestRejected) as trouble:
                final = isinstance(trouble, RequestRejected) and trouble.status < 500
                if final or time.monotonic() > by:
                    raise
            self.world.revive_host()
            if self.client is Client.GIVES_UP:
                return None
            pause.wait(EVERY)

    def follow(self, job_id: str) -> Phase:
        """The job's end, once its orchestration has ended too; the app is revived meanwhile."""
        by, pause = time.monotonic() + PATIENCE, threading.Event()
        while True:
            self.world.revive_host()
            state = self._instance(job_id)
            if state in ("Completed", "Failed", "Terminated"):
                phase = Phase(self.world.row(job_id)["phase"])
                assert phase.is_end, f"the orchestration is {state} and the job {phase}"
                return phase
            assert time.monotonic() < by, f"{job_id} is {state}: {self.world.row(job_id)}"
            if state == "unknown" and self.client is Client.GIVES_UP:
                self.world.reconcile()
            pause.wait(EVERY)

    def _instance(self, job_id: str) -> str:
        """The state of the orchestration, asked past the proxies; or why there is none."""
        url = f"{self.world.stack.url}/runtime/webhooks/durabletask/instances/{job_id}"
        try:
            answer = urllib3.request("GET", url, timeout=10, retries=False)
        except urllib3.exceptions.HTTPError:
            return "out of reach"
        found: dict[str, Any] = json.loads(answer.data)
        return str(found.get("runtimeStatus", "unknown"))
