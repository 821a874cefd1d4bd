"""Kills the app at one of its external calls, and follows the job to its end."""

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
from tests.faults.conftest import ProxiedStack
from tests.faults.faults import Request, RequestFilter

TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.05
T = TypeVar("T")


class When(StrEnum):
    """Whether the app is killed before or after a call."""

    BEFORE = "before"
    AFTER = "after"
    """The server has handled the call, but the app has no response."""


class ClientBehaviour(StrEnum):
    """A client's reaction to a missing response."""

    RESENDS = "resends"
    """Retries the same request until it is answered, as the dashboard does."""
    GIVES_UP = "gives up"


@dataclass
class Crash:
    """Kills the app once, at the n-th of its calls that match `where`."""

    system: ProxiedStack
    nth: int
    when: When = When.BEFORE
    where: RequestFilter = field(default_factory=RequestFilter)
    calls: list[Request] = field(default_factory=list)
    """The counted calls, up to the n-th."""
    killed: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def armed(self) -> Iterator["Crash"]:
        """Count calls, and kill the app, while the context is open."""
        proxies = self.system.proxies
        proxies.before, proxies.after = self._before, self._after
        try:
            yield self
        finally:
            proxies.before = proxies.after = None

    @property
    def summary(self) -> str:
        """At which call the app was killed."""
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
        self.system.stack.host.kill()
        self.killed.set()
        return True


@dataclass(frozen=True)
class RetryingClient:
    """A client of an app that can be killed; it restarts the app."""

    system: ProxiedStack
    client: ClientBehaviour = ClientBehaviour.RESENDS

    def send(self, request: Callable[[], T]) -> T | None:
        """Send a request; returns the response, or None if the client gives up."""
        deadline, pause = time.monotonic() + TIMEOUT_SECONDS, threading.Event()
        while True:
            try:
                return request()
            except (urllib3.exceptions.HTTPError, RequestRejected) as error:
                final = isinstance(error, RequestRejected) and error.status < 500
                if final or time.monotonic() > deadline:
                    raise
            self.system.revive_host()
            if self.client is ClientBehaviour.GIVES_UP:
                return None
            pause.wait(POLL_SECONDS)

    def follow(self, job_id: str) -> Phase:
        """Wait until job and orchestration have ended; restarts the app. Returns the end phase."""
        deadline, pause = time.monotonic() + TIMEOUT_SECONDS, threading.Event()
        while True:
            self.system.revive_host()
            state = self._instance(job_id)
            if state in ("Completed", "Failed", "Terminated"):
                phase = Phase(self.system.row(job_id)["phase"])
                assert phase.is_end, f"the orchestration is {state} and the job {phase}"
                return phase
            assert time.monotonic() < deadline, f"{job_id} is {state}: {self.system.row(job_id)}"
            if state == "unknown" and self.client is ClientBehaviour.GIVES_UP:
                self.system.reconcile()
            pause.wait(POLL_SECONDS)

    def _instance(self, job_id: str) -> str:
        """The orchestration's status, requested without the proxies, or the reason for none."""
        url = f"{self.system.stack.url}/runtime/webhooks/durabletask/instances/{job_id}"
        try:
            answer = urllib3.request("GET", url, timeout=10, retries=False)
        except urllib3.exceptions.HTTPError:
            return "unreachable"
        status: dict[str, Any] = json.loads(answer.data)
        return str(status.get("runtimeStatus", "unknown"))
