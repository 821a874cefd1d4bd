"""The exec sidecar's client: what was asked and what came of it, as values."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)

from shared.clients.reading import read_whole
from shared.exec_results import (
    Command,
    Finished,
    Health,
    Interrupted,
    Refused,
    Result,
    Running,
    Unreachable,
)

CONNECT = timedelta(seconds=5)
GRACE = timedelta(seconds=15)
"""How much longer an answer may take than the wait that was asked for."""
LONGEST_WAIT = timedelta(seconds=25)
"""The longest wait that the sidecar offers."""
LARGEST_ANSWER = 20 * 1024 * 1024
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
UNAUTHORIZED = 401

_NOT_SENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError)


class Sidecar:
    """The sidecar at one URL. Trouble of the network is a value, never an exception."""

    def __init__(self, url: str, read_token: Callable[[], str]) -> None:
        """`read_token` is asked again when a token is refused, as after a rotation.

        Raises ValueError for an address that would carry the token in the clear.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("the sidecar must be reached by https, except on this machine")
        self._url = url.rstrip("/")
        self._read_token = read_token
        self._token = read_token()
        self._pool = urllib3.PoolManager(retries=False)
        self._operations: bool | None = None

    def run_operation(self, operation_id: str, command: Command, wait: timedelta) -> Result:
        """Start an operation, or attach to it, and wait a little for its end."""
        if self._has_operations() is False:
            return self.exec(command)
        begun = self._result("PUT", f"/operations/{operation_id}", _body(command))
        if not isinstance(begun, Running) or not wait:
            return begun
        ended = self.look(operation_id, wait)
        return begun if ended is None else ended

    def look(self, operation_id: str, wait: timedelta = timedelta(0)) -> Result | None:
        """An operation as it stands after at most `wait`, without starting it; None if unknown."""
        if self._has_operations() is False:
            return None
        wait = min(wait, LONGEST_WAIT)
        path = f"/operations/{operation_id}?wait={wait.total_seconds():.0f}"
        return _unless_unknown(self._result("GET", path, wait=wait))

    def stop_operation(self, operation_id: str) -> Result | None:
        """End an operation and all its processes; None if it was never known."""
        if self._has_operations() is False:
            return None
        return _unless_unknown(self._result("DELETE", f"/operations/{operation_id}", wait=GRACE))

    def exec(self, command: Command) -> Result:
        """Run a command while the connection lasts, as a sidecar without operations does it."""
        return self._result("POST", "/exec", _body(command), wait=command.timeout)

    def health(self) -> Health | Refused | Unreachable:
        """What the sidecar says of itself."""
        answer = self._ask("GET", "/healthz", None, timedelta(0))
        if isinstance(answer, Unreachable):
            return answer
        status, body = answer
        if status != 200 or not isinstance(body, dict):
            return _refused(status, body)
        self._operations = body.get("operations") is True
        return Health(body.get("max_concurrency"), self._operations)

    def _has_operations(self) -> bool | None:
        """Whether the sidecar knows operations; None where it could not be asked."""
        if self._operations is None:
            self.health()
        return self._operations

    def _result(
        self, method: str, path: str, body: str | None = None, wait: timedelta = timedelta(0)
    ) -> Result:
        answer = self._ask(method, path, body, wait)
        if not isinstance(answer, Unreachable) and answer[0] == UNAUTHORIZED:
            self._token = self._read_token()
            answer = self._ask(method, path, body, wait)
        if isinstance(answer, Unreachable):
            return answer
        status, found = answer
        if status not in (200, 202):
            return _refused(status, found)
        read = _read(found)
        return read or Unreachable("the sidecar's answer cannot be read", sent=True)

    def _ask(
        self, method: str, path: str, body: str | None, wait: timedelta
    ) -> tuple[int, Any] | Unreachable:
        """Status and JSON of an answer, which comes within `wait` and GRACE."""
        patience = (wait + GRACE).total_seconds()
        until = time.monotonic() + patience
        try:
            answer = self._pool.request(
                method,
                self._url + path,
                body=body,
                headers={"X-Exec-Token": self._token, "Content-Type": "application/json"},
                timeout=urllib3.Timeout(connect=CONNECT.total_seconds(), read=patience),
                preload_content=False,
            )
            with closing(answer):
                data = read_whole(answer, until, LARGEST_ANSWER)
        except _NOT_SENT as error:
            return Unreachable(f"the sidecar cannot be reached: {_kind(error)}", sent=False)
        except (HTTPError, TimeoutError, ValueError) as error:
            return Unreachable(f"the sidecar did not answer: {_kind(error)}", sent=True)
        return _parsed(answer.status, data)


def _parsed(status: int, data: bytes) -> tuple[int, Any] | Unreachable:
    try:
        return status, json.loads(data)
    except ValueError:
        if status in (200, 202):
            return Unreachable("the sidecar's answer is cut or no JSON", sent=True)
        return status, data.decode(errors="replace")


def _body(command: Command) -> str:
    """The same text for the same command: the sidecar compares it."""
    body = {
        "argv": list(command.argv),
        "stdin": command.stdin,
        "timeout_seconds": int(command.timeout.total_seconds()),
    }
    return json.dumps(body, sort_keys=True)


def _read(found: Any) -> Result | None:
    """What an answer of status 200 or 202 says; None for one that says nothing we know."""
    if not isinstance(found, dict):
        return None
    if "state" not in found:
        return _finished(found)
    if found["state"] == "running":
        return Running(str(found.get("started_at")))
    if found["state"] == "interrupted":
        return Interrupted()
    return _finished(found.get("result"))


def _finished(found: Any) -> Finished | None:
    if not isinstance(found, dict):
        return None
    code = found.get("exit_code")
    duration = found.get("duration_ms")
    return Finished(
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        stdout=str(found.get("stdout") or ""),
        stderr=str(found.get("stderr") or ""),
        timed_out=found.get("timed_out") is True,
        duration=timedelta(milliseconds=duration if isinstance(duration, int) else 0),
    )


def _refused(status: int, found: Any) -> Refused:
    said, after = found, None
    if isinstance(found, dict):
        said = ": ".join(str(found[name]) for name in ("error", "detail") if found.get(name))
        seconds = found.get("retry_after_seconds")
        after = timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None
    return Refused(status, str(said)[:500], after)


def _unless_unknown(result: Result) -> Result | None:
    return None if isinstance(result, Refused) and result.status == 404 else result


def _kind(error: Exception) -> str:
    """An error without the address and the objects that the library puts into its text."""
    return type(error).__name__ if isinstance(error, HTTPError) else str(error)
